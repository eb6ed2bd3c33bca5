//! Draws the Mandelbrot set, row by row on a pool, and then sorts its points, half by half.
//!
//! What it shows: `map` and `scope` borrow from the caller, and return when all is done; the results of `map` are in the
//! order of the items, whatever the order in which they were ready.

use std::error::Error;
use std::ops::RangeInclusive;

use brigade::Pool;

const COLUMNS: RangeInclusive<i32> = -42..=20;
const SHADES: &[u8; 10] = b" .:-=+*#%@";

/// How many steps it takes to see that a point is not in the set, at most 90.
fn steps(real: f64, imaginary: f64) -> usize {
    let (mut x, mut y) = (0.0, 0.0);
    for step in 0..90 {
        (x, y) = (x * x - y * y + real, 2.0 * x * y + imaginary);
        if x * x + y * y > 4.0 {
            return step;
        }
    }
    90
}

fn row(line: &i32) -> Vec<usize> {
    let steps = |column: i32| steps(f64::from(column) / 20.0, f64::from(*line) / 10.0);
    COLUMNS.map(steps).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let pool = Pool::builder("draw").workers(4).build()?;
    let lines: Vec<i32> = (-12..=12).collect();

    let rows = pool.map(&lines, row)?;
    for row in &rows {
        let shade = |steps: &usize| char::from(SHADES[steps / 10]);
        println!("{}", row.iter().map(shade).collect::<String>());
    }
    assert_eq!(
        rows,
        lines.iter().map(row).collect::<Vec<_>>(),
        "the order is that of the lines"
    );

    let mut points = rows.concat();
    let middle = points.len() / 2;
    let (left, right) = points.split_at_mut(middle);
    pool.scope(|scope| {
        scope.execute(|| left.sort_unstable()); // borrow the two halves, at the same time
        scope.execute(|| right.sort_unstable());
    });
    assert!(left.is_sorted() && right.is_sorted());
    let inside = points.iter().filter(|steps| **steps == 90).count();
    println!("{inside} of {} points are in the set", points.len());
    assert!(0 < inside && inside < points.len());
    Ok(())
}
