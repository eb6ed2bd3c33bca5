//! The attribute of [brigade-check](https://docs.rs/brigade-check): use it from there, as `#[brigade_check::test]`.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Error, FnArg, Ident, ItemFn, Meta, Result, ReturnType, Token};

/// Makes tests of a function that takes a prepared check; documented in brigade-check.
#[proc_macro_attribute]
pub fn test(ways: TokenStream, function: TokenStream) -> TokenStream {
    let expanded = parse(ways, function).map(|(ways, function)| expand(ways, &function));
    expanded.unwrap_or_else(Error::into_compile_error).into()
}

/// By which ways the function is run.
#[derive(Clone, Copy)]
enum Ways {
    /// By real threads, but under schedules where the types of shuttle are in place.
    AsBuilt,
    Stress,
    Explore,
    Both,
}

impl Parse for Ways {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let (mut stress, mut explore) = (false, false);
        for way in Punctuated::<Meta, Token![,]>::parse_terminated(input)? {
            match &way {
                Meta::Path(path) if path.is_ident("stress") => stress = true,
                Meta::Path(path) if path.is_ident("explore") => explore = true,
                Meta::NameValue(setting) => {
                    let name = setting
                        .path
                        .get_ident()
                        .map_or("threads".to_owned(), Ident::to_string);
                    let help = format!(
                        "the attribute takes only `stress` and `explore`; settings are the check's: `check.{name}(..)`"
                    );
                    return Err(Error::new(way.span(), help));
                }
                other => {
                    let help = "expected `stress`, `explore` or both: the ways to run the check";
                    return Err(Error::new(other.span(), help));
                }
            }
        }
        Ok(match (stress, explore) {
            (false, false) => Self::AsBuilt,
            (true, false) => Self::Stress,
            (false, true) => Self::Explore,
            (true, true) => Self::Both,
        })
    }
}

fn parse(ways: TokenStream, function: TokenStream) -> Result<(Ways, ItemFn)> {
    let ways = Ways::parse.parse(ways)?;
    let function: ItemFn = syn::parse(function)?;
    let signature = &function.sig;
    let wrong = |span, message| Err(Error::new(span, message));
    if let Some(asyncness) = &signature.asyncness {
        let message = "a check runs threads and cannot be awaited: remove `async`";
        return wrong(asyncness.span(), message);
    }
    if !signature.generics.params.is_empty() {
        let message = "a test has no caller to choose these: name the types";
        return wrong(signature.generics.params.span(), message);
    }
    let takes_one = signature.inputs.len() == 1;
    if !takes_one || matches!(signature.inputs.first(), Some(FnArg::Receiver(_))) {
        let message = "the function takes the check it prepares: `fn name(check: brigade_check::Linearizable<Model>)`";
        return wrong(signature.ident.span(), message);
    }
    if let Some(attribute) = function
        .attrs
        .iter()
        .find(|attribute| attribute.path().is_ident("test"))
    {
        let message = "#[brigade_check::test] makes the tests: remove #[test]";
        return wrong(attribute.span(), message);
    }
    Ok((ways, function))
}

/// The function as it is, and beside it a module of the same name with a test for each way.
fn expand(ways: Ways, function: &ItemFn) -> Tokens {
    let name = &function.sig.ident;
    // What is said of the test must stay with it; what is said of the function's code, with that.
    let (of_tests, of_function): (Vec<_>, Vec<_>) = function.attrs.iter().partition(|attribute| {
        ["should_panic", "ignore"]
            .iter()
            .any(|name| attribute.path().is_ident(name))
    });
    let conditions: Vec<_> = function
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"))
        .collect();
    // Its own type may have another name in the module. Tests that should panic must return nothing.
    let output = match function.sig.output {
        ReturnType::Default => quote!(),
        ReturnType::Type(..) => quote!(-> impl ::std::process::Termination),
    };
    let test = |way: &str, condition: Tokens| {
        let way = Ident::new(way, name.span());
        quote! {
            #condition
            #[test]
            #(#of_tests)*
            fn #way() #output {
                super::#name(::brigade_check::macros::#way())
            }
        }
    };
    // Where shuttle's types are in place, real threads cannot use them. Two functions, as the compiler does not let
    // `allow` keep it from warning of a `cfg_attr` with a name that the user's crate does not declare.
    let real = || {
        let ignored = quote!(#[cfg(shuttle)] #[ignore = "shuttle's types need its schedules"]);
        [
            test("stress", quote!(#[cfg(not(shuttle))])),
            test("stress", ignored),
        ]
    };
    let (tests, takes) = match ways {
        Ways::AsBuilt => {
            let tests = [
                test("stress", quote!(#[cfg(not(shuttle))])),
                test("explore", quote!(#[cfg(shuttle)])),
            ];
            (tests.to_vec(), "both")
        }
        Ways::Stress => (real().to_vec(), "by_stress"),
        Ways::Explore => (vec![test("explore", quote!())], "by_explore"),
        Ways::Both => {
            let mut tests = real().to_vec();
            tests.push(test("explore", quote!()));
            (tests, "both")
        }
    };
    let takes = Ident::new(takes, name.span());
    let ItemFn {
        vis, sig, block, ..
    } = function;
    // Also where there are no tests: a wrong argument is one in every build, and the function is in use.
    let argument = sig.inputs.span();
    let check_argument = quote_spanned!(argument=> ::brigade_check::macros::#takes(#name););
    quote! {
        #(#of_function)*
        #vis #sig #block

        #(#conditions)*
        const _: () = { #check_argument };

        #(#conditions)*
        #[cfg(test)]
        #[allow(unexpected_cfgs)]
        mod #name {
            #(#tests)*
        }
    }
}
