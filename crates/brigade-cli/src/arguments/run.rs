//! The command line of `brigade run`, but for what `life`, `lock`, `log`, `machine`, `output` and `pipe` have of it.

use std::ffi::OsString;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use brigade::Priority;
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{ArgGroup, Args};

use super::{
    LifeArguments, LockArguments, LogArguments, MachineArguments, OutputArguments, PipeArguments,
    lock,
};
use crate::run::job::parse_priority;

/// How to run jobs.
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new(lock::NAMING).multiple(true)),
    override_usage = "brigade run [OPTIONS] [COMMAND [WORD]...] [::: ARGUMENT...]...",
    after_help = "`brigade run --help` explains jobs, priorities, Ctrl-C and exit codes.",
    after_long_help = EXPLANATION
)]
pub(crate) struct RunArguments {
    /// Run N jobs at once, or from MIN to MAX as the cores allow [default: one a core]
    #[arg(short, long, value_name = "N|MIN..MAX", value_parser = parse_jobs)]
    pub(crate) jobs: Option<RangeInclusive<usize>>,

    /// Read at most N jobs ahead of those that run; priorities order what has been read. As many may wait for
    /// other jobs or for resources [default: 1024; with --pipe as many as run at once]
    #[arg(long, value_name = "N", value_parser = parse_queue)]
    pub(crate) queue: Option<usize>,

    /// Read jobs from FILE instead of standard input (`-`); several files are read one after the other
    #[arg(short, long, value_name = "FILE")]
    pub(crate) arg_file: Vec<PathBuf>,

    /// Jobs in the input end with a NUL byte instead of a newline, as `find -print0` writes them
    #[arg(short = '0', long)]
    pub(crate) null: bool,

    /// Cut each line at SEP, taken literally (`\t` is a tab), into columns for `{1}`, `{2}` and so on
    #[arg(long, value_name = "SEP", value_parser = OsStringValueParser::new().try_map(read_separator))]
    pub(crate) colsep: Option<OsString>,

    /// Each line of input is a JSON object that says what to run and how
    #[arg(long, conflicts_with = "colsep", group = lock::NAMING)]
    pub(crate) jsonl: bool,

    /// How urgent jobs are that do not say so: high, normal, low, or 0 (most urgent) to 255
    #[arg(long, value_name = "LEVEL", default_value = "normal", value_parser = parse_priority)]
    pub(crate) priority: Priority,

    /// Print neither progress nor a summary; failures are still reported
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Show no progress, though standard error is a terminal
    #[arg(long)]
    pub(crate) no_progress: bool,

    /// The command to run for each argument: one quoted string, or several words
    #[arg(
        value_name = "COMMAND [WORD]... [::: ARGUMENT...]...",
        trailing_var_arg = true
    )]
    pub(crate) words: Vec<OsString>,

    #[command(flatten)]
    pub(crate) pipe: PipeArguments,

    #[command(flatten)]
    pub(crate) lock: LockArguments,

    #[command(flatten)]
    pub(crate) output: OutputArguments,

    #[command(flatten)]
    pub(crate) life: LifeArguments,

    #[command(flatten)]
    pub(crate) machine: MachineArguments,

    #[command(flatten)]
    pub(crate) log: LogArguments,
}

impl RunArguments {
    /// How many jobs may be read ahead of so many that run.
    pub(crate) fn read_ahead(&self, jobs: usize) -> usize {
        // What jobs read is in memory from then on.
        let default = if self.pipe.pipe { jobs } else { 1024 };
        self.queue.unwrap_or(default)
    }
}

const EXPLANATION: &str = r#"Jobs:
  Without COMMAND, each line of input is a command. Blank lines and lines that begin with
  `#` are skipped. With COMMAND, each line is an argument for it, put in the place of each
  `{}`, or at the end if there is none; empty lines are skipped. After `:::` the arguments
  are given on the command line, and no input is read. Options go before COMMAND.

    brigade run < jobs.txt
    find . -name '*.log' -print0 | brigade run -0 gzip
    brigade run -j 2..8 'convert {} {}.png' ::: *.gif

  COMMAND as one string may use all of the shell: brigade run 'sort {} | uniq > {}.sorted'.
  COMMAND as several words is taken word by word, and no shell looks at it.
  A command without shell syntax is executed directly, any other by `/bin/sh -c`.

  An argument is always one word, whatever it contains: spaces, quotes, `$(..)`, newlines,
  bytes that are not UTF-8. It is never read as shell code; in a shell command it is the
  value of $brigade_argument, which may be written instead of `{}`.

Places in COMMAND:
  {}    the argument           {.}   without its extension: a/b.c is a/b
  {/}   its base name: b.c     {//}  its directory: a
  {/.}  its base name without extension: b
  {#}   the number of the job, from 1 in the order of the input, as in the job log and --results
  {1} {2} {2.} {2/} {2//} {2/.}  the same of the first, of the second argument

  A job has several arguments with --colsep, which cuts a line at each SEP, or with several
  `:::`: then each combination of their arguments is a job, the first list varying slowest.
  A word that is `{}` and nothing else becomes as many words, as it does at the end; within a
  longer word, spaces are put between them. A line that lacks a column that COMMAND names has
  failed. A name such as .profile is no extension. In a shell command the second argument is
  $brigade_argument_2 as well.

    brigade run --colsep , 'convert {1} -resize {2} {1.}-{2}.png' < sizes.csv
    brigade run 'make test CC={1} OPT={2}' ::: gcc clang ::: -O0 -O2

Jobs as JSON objects:
  With --jsonl each line is a JSON object: cmd (a string, as a line would be without --jsonl)
  or argv (a list of words, which no shell looks at), and if need be priority, timeout ("30s",
  or seconds) and retries in place of --priority, --timeout and --retries; env (an object,
  added to the environment), cwd (a directory), id, after and locks (see below). An unknown
  field is an error of that line. Messages, tags and the job log name a job by its id. A job log knows it by its id, or
  else by cmd or argv, env and cwd, however they are written.

    {"id": "a", "cmd": "make a | tail", "cwd": "src", "timeout": "5m", "retries": 2}
    {"argv": ["cp", "a b", "c"], "priority": "high", "env": {"LC_ALL": "C"}}

  A job's standard input is empty without --pipe, and it is ended if it asks on the terminal
  instead. Its output appears in one piece when it ends, which is when it has exited and nothing
  that it started can still write to its output; redirect the output of what is to go on in the
  background: `server > log 2>&1 &`. Until then, and with --keep-order until its turn has come,
  what is longer than 1 MiB is in a file without a name in the directory that TMPDIR names, or in
  /tmp. If there is no more room (or `ulimit -f` allows no more), that is said at once, and the job
  has failed when it ends: what had room is printed, the rest is lost, and the other jobs go on.

Blocks of input:
  With --pipe, COMMAND is run again and again, each time with the next block of the input on its
  standard input: as many whole lines as fit into --block, or -N of them; with -0 what ends with
  a NUL byte in place of lines. Blocks are spread over the jobs; {#} is the number of the block, and
  messages, tags and the job log name it by its lines.

    brigade run --pipe -k grep -F needle < huge.log
    brigade run --pipe --block 64M 'sort > part-{#}' < huge.txt && sort -m part-*

  A line longer than a block is a block by itself, up to sixteen times --block (with -N all lines
  of a block together); beyond that the job fails, and says so. Several -a FILE are cut one by
  one. A job need not read all, as `head` does not. In memory are at most as many blocks as run at
  once, as many that wait for them (--queue), one more that is being read, and those that wait for
  a retry, again no more than --queue. A job log knows a block by its bytes, so that --resume goes
  on with the same input and the same --block or -N; it refuses other ones. What the bytes were is
  not in the log: use --resume-failed with the input, as --retry-failed cannot know them.

Jobs after others:
  "after": "a", or a list of ids, lets a job begin when each of those has succeeded, after its
  retries if need be. They may come later in the input, and no two jobs may have one id. A job
  has failed without being run if one that it is after has failed, was not run for such a
  reason, or is not in the input; or if it is after itself, by way of others or not. What
  the job log has as succeeded counts, whether it is in the input or not.

    {"id": "fetch", "cmd": "fetch data"}
    {"id": "train", "cmd": "train data", "after": ["fetch"], "locks": ["gpu=2/4"]}

  Of jobs that wait for some which are still to be read there may be as many as --queue says;
  one more has failed. With --keep-order, a job has failed also if 256 have been read after it
  while it waits for one that is still to be read. An id that has ended takes about 30 bytes of
  memory; an input that never ends had better do without. With --retry-failed, what failed may
  be after what succeeded or failed as the job log has it.

Priorities:
  A command line of the input may begin with its priority: `@high make report`, `@low ..`,
  `@normal ..`, or `@0` (most urgent) to `@255`. `@@name` is the command `@name`. Of the
  jobs that have been read, the most urgent starts first; equals start in the order of the
  input. Waiting one second makes up for one level (high is 64, normal 128, low 192), so
  that nothing waits for ever. Arguments for a COMMAND are not looked into.

Resources:
  With --lock, a job runs only while it has all that is named: db by itself, cache:shared
  with others who share it, gpu=2/4 with two of four units. There are never more workers than
  jobs that could run so. They are this run's own resources; with --global-locks other
  processes see them, and a job may have to wait for those. See `brigade with --help`.

  With --jsonl a job may need more: "locks": ["db", "cache:shared", "gpu=2/4"]. It gets all at
  once or waits without any, so that no two jobs wait for each other, and while it waits other
  jobs run. Of those that wait for a resource the most urgent is the next, and what waited first
  among equals; who has waited for it is not overtaken by what needs less of it. The first job
  that names a counted resource says how many units there are; later ones may leave that out.

Life of a job:
  Each job leads a process group, and a signal for it goes to all that it has started. A job
  that took longer than its --timeout has failed, whatever it exits with, and nothing of its
  group is left. While it waits for its retry another job may run; each attempt has the whole
  timeout, and a failure counts for --halt and the exit code when there is no attempt left.

The machine:
  With -j MIN..MAX, MIN jobs run at first. Twice a second it is measured how long threads had to
  wait for a core. While jobs are queued, up to twice as many may run each time, at most MAX, if
  that was less than 20% of the time and a core is idle, or if most jobs wait for a disk, the
  network or each other. If it was more than 40% and jobs use the cores, by a quarter fewer may
  run, down to MIN, and no more for the next 5 seconds. Linux measures it (/proc/pressure/cpu, and
  cpu.pressure of the control group); if it was built without, the threads that find no core are
  counted. On other systems MAX jobs run.

  --load counts the threads of all processes that run or wait for a core, and those that wait for
  a disk, at that moment (/proc/stat); the load average would lag a minute behind. --memfree looks
  at what could be used without swapping (MemAvailable in /proc/meminfo), or at what is left for
  the control group (version 2), if that is less; K, M, G and T are powers of 1024. Both are
  measured twice a second. In between, each job that begins counts as one thread, and as SIZE of
  memory, so that not all begin before the first of them is seen. It is said once that jobs are
  held back. One always runs, whatever is measured, so that nothing waits for ever. Jobs that are
  held back stay queued: a more urgent one that comes later goes first, and none holds resources.

  With --nice, jobs and all that they start are nicer to others than brigade itself, which stays
  as it is. More than 19 is 19, as it is for `nice`.

    brigade run --nice 10 --load 80% --memfree 2G < jobs.txt
    brigade run -j 2..32 'curl -sO {}' < urls.txt

Job log:
  A line of --joblog is a JSON object: seq, place, job, command (the words that the job is an
  argument for), arguments (if there are several), id, start (seconds since 1970) and seconds of the last attempt, attempts, ok, exit
  or signal, failure. What is not UTF-8 is written as {"hex":"66ff"}. It is written when the
  job has ended and its output is printed; whatever ends brigade, the log lacks at most the
  jobs that ran then, and --resume runs them again. Jobs are known by their text: the input
  may have lines added, removed, moved or mended before a log is resumed. What Ctrl-C or --halt
  stopped is not logged. With --keep-order a job has ended when its turn has come. If the log
  cannot be written nothing more is started, and the lines that are missing are printed.

    brigade run --joblog log --resume-failed < jobs.txt     # again and again, until all is done

Events:
  With --events, programs can follow a run. The field `event` of each line is one of
    queued   a job was read: seq, place and job as in the job log, and its priority
    started  it is run for the attempt-th time: seq, place, job, attempt
    retry    that attempt failed and there is another one after delay seconds: seq, place, job,
             attempt, ok, seconds, exit or signal, failure, delay
    ended    the job has ended, and its output is printed: as retry, without delay; what is after
             it is started then, or with --keep-order maybe before it is its turn to be printed. A job
             that fails for what it is after, or for its resources, was not started: attempt is 0
    not_run  it is not run, or not again: seq, place, job
    stopped  nothing is started any more, for this reason: reason, running
    summary  the last line: succeeded, failed, stopped, retries, not_run, logged, seconds, exit_code
  and `time` is in seconds since 1970. Each job that was queued has one ended or not_run at last.
  Whoever reads them from a pipe must go on reading: the jobs wait for it. If they cannot be
  written any more, that is said, and the jobs go on.

Metrics:
  --metrics run.prom replaces that file by a new one each time; it is always whole. --metrics 9100
  answers http://127.0.0.1:9100/metrics as long as the run lasts; 0 takes a free port and says which,
  and 0.0.0.0:9100 lets other machines ask. A file named by digits is ./9100. In Prometheus' text format:
  brigade_jobs_total{outcome="succeeded|failed|stopped"}, brigade_retries_total, brigade_jobs_running,
  brigade_jobs_queued, brigade_jobs_waiting_for_retry, brigade_jobs_parked (they wait for other jobs
  or for resources), brigade_jobs_held_back{by="load|memory"} (0 or 1), brigade_workers, brigade_finished
  (0, and 1 in the last one), brigade_elapsed_seconds, and summaries of times with the quantiles 0.5, 0.9 and
  0.99: brigade_queue_wait_seconds and brigade_run_seconds. A job that has had to wait for resources counts in these
  once more.

Ctrl-C (or SIGTERM or SIGHUP, unless it was ignored when brigade was started):
  once: nothing is started any more, running jobs end, and what did not run is listed.
  twice: running jobs get SIGTERM, and SIGKILL after the grace. Three times: SIGKILL now.

Ctrl-Z (SIGTSTP):
  stops brigade and all jobs; fg, bg or SIGCONT to brigade continues them. The stopped time does
  not count for timeouts, the grace, delays and retries; the times that are told include it. In
  the background no progress is shown. `stty tostop` stops brigade, not its jobs, at a message.

Exit codes:
  0 all jobs succeeded, or as many as --halt asks for; 1 to 100 so many failed; 101 more than
  100 failed; 102 the job log could not be written; 2 also misuse, and then nothing was run;
  130 stopped by Ctrl-C, 143 by SIGTERM, 129 by SIGHUP; 141 nobody reads our output any more."#;

/// Reads `4`, `2..8` or `2..=8`; both ends are included.
fn parse_jobs(text: &str) -> Result<RangeInclusive<usize>, String> {
    let problem =
        || format!("give a number of jobs such as 4, or a range such as 2..8, not `{text}`");
    let number = |digits: &str| digits.trim().parse::<usize>().map_err(|_| problem());
    let range = match text.split_once("..") {
        Some((min, max)) => number(min)?..=number(max.strip_prefix('=').unwrap_or(max))?,
        None => {
            let jobs = number(text)?;
            jobs..=jobs
        }
    };
    if *range.start() == 0 {
        return Err("at least one job must be able to run; give 1 or more".to_owned());
    }
    if range.is_empty() {
        return Err("the range is empty; put the smaller number first".to_owned());
    }
    Ok(range)
}

/// Reads what stands between columns.
fn read_separator(text: OsString) -> Result<OsString, &'static str> {
    match text.to_str() {
        Some("") => Err("columns need something between them, such as , or \\t"),
        Some("\\t") => Ok("\t".into()),
        _ => Ok(text),
    }
}

/// Reads the length of a queue.
fn parse_queue(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("jobs need room to be read; give 1 or more".to_owned()),
        Ok(length) => Ok(length),
        Err(_) => Err(format!("give a number of jobs, not `{text}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_jobs_are_a_number_or_a_range_that_includes_its_end() {
        assert_eq!(parse_jobs("4"), Ok(4..=4));
        assert_eq!(parse_jobs("2..8"), Ok(2..=8));
        assert_eq!(parse_jobs("2..=8"), Ok(2..=8));
        for wrong in ["0", "0..3", "8..2", "", "..", "x", "1...3", "-1", "1.5"] {
            assert!(parse_jobs(wrong).is_err(), "{wrong} was taken");
        }
    }

    #[test]
    fn a_queue_has_room() {
        assert_eq!(parse_queue("1"), Ok(1));
        assert!(parse_queue("0").is_err());
        assert!(parse_queue("many").is_err());
    }
}
