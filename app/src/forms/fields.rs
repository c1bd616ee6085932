//! One labelled input each, with its hint and its problem tied to it.

use super::{FormEcho, field_name};
use crate::i18n::use_words;
use crate::markup::escaped;
use leptos::prelude::*;
use model::{Field, Refusal};

/// What the fields of one form share.
#[derive(Clone)]
pub struct FormContext {
    refusal: Signal<Option<Refusal>>,
    echo: FormEcho,
}

impl FormContext {
    pub fn new(refusal: Signal<Option<Refusal>>) -> FormContext {
        FormContext {
            refusal,
            echo: FormEcho::of_request(),
        }
    }
}

/// The parts that every kind of field has.
struct Tied {
    name: &'static str,
    label: &'static str,
    hint: Option<&'static str>,
    problem: Signal<Option<String>>,
    typed: Option<String>,
}

impl Tied {
    fn new(field: Field) -> Tied {
        let words = use_words();
        let form = use_context::<FormContext>();
        let echo = form.as_ref().map(|f| f.echo.clone()).unwrap_or_default();
        let refusal = form.map(|f| f.refusal);
        let problem = Signal::derive(move || {
            let kind = refusal?.with(|r| r.as_ref()?.problem_of(field))?;
            Some((words.problem)(kind))
        });
        let name = field_name(field);
        Tied {
            name,
            label: (words.field_label)(field),
            hint: (words.field_hint)(field),
            problem,
            typed: echo.get(name).map(str::to_owned),
        }
    }

    /// The ids that describe the input: its hint, and its problem while there is one.
    fn described_by(
        &self,
        hinted: bool,
    ) -> impl Fn() -> Option<String> + Send + Sync + Clone + use<> {
        let (name, problem) = (self.name, self.problem);
        let hint = (hinted && self.hint.is_some()).then(|| format!("{name}-hint"));
        move || {
            let problem = problem
                .with(Option::is_some)
                .then(|| format!("{name}-problem"));
            match (hint.clone(), problem) {
                (Some(hint), Some(problem)) => Some(format!("{problem} {hint}")),
                (hint, problem) => hint.or(problem),
            }
        }
    }

    fn frame(self, hinted: bool, input: impl IntoView) -> impl IntoView {
        let (name, problem) = (self.name, self.problem);
        view! {
            <div class="field" class:field--wrong=move || problem.with(Option::is_some)>
                <label for=name>{self.label}</label>
                {input.into_any()}
                {self.hint.filter(|_| hinted).map(|hint| view! { <p class="field-hint" id=format!("{name}-hint")>{hint}</p> })}
                <p class="field-problem" id=format!("{name}-problem") hidden=move || problem.with(Option::is_none)>
                    {move || problem.get()}
                </p>
            </div>
        }
    }
}

fn invalid(
    problem: Signal<Option<String>>,
) -> impl Fn() -> Option<&'static str> + Send + Sync + Clone + 'static {
    move || problem.with(Option::is_some).then_some("true")
}

/// A one-line input. Passwords are never given back.
#[component]
pub fn TextField(
    field: Field,
    #[prop(default = "text")] kind: &'static str,
    #[prop(optional, into)] value: String,
    #[prop(default = "off")] autocomplete: &'static str,
    #[prop(optional)] inputmode: Option<&'static str>,
    #[prop(default = true)] required: bool,
    #[prop(default = true)] hinted: bool,
) -> impl IntoView {
    let tied = Tied::new(field);
    let value = if kind == "password" {
        String::new()
    } else {
        tied.typed.clone().unwrap_or(value)
    };
    let input = view! {
        <input
            id=tied.name
            name=tied.name
            type=kind
            value=value
            autocomplete=autocomplete
            inputmode=inputmode
            aria-required=required.then_some("true")
            aria-invalid=invalid(tied.problem)
            aria-describedby=tied.described_by(hinted)
        />
    };
    tied.frame(hinted, input)
}

/// A longer text.
#[component]
pub fn TextArea(field: Field, #[prop(optional, into)] value: String) -> impl IntoView {
    let tied = Tied::new(field);
    let value = escaped(tied.typed.clone().unwrap_or(value));
    let input = view! {
        <textarea
            id=tied.name
            name=tied.name
            rows="6"
            aria-invalid=invalid(tied.problem)
            aria-describedby=tied.described_by(true)
        >
            {value}
        </textarea>
    };
    tied.frame(true, input)
}

/// A choice of `(value, words)`.
#[component]
pub fn SelectField(
    field: Field,
    #[prop(optional, into)] value: String,
    /// What an unchosen select says.
    empty: &'static str,
    options: Vec<(&'static str, &'static str)>,
) -> impl IntoView {
    let tied = Tied::new(field);
    let value = tied.typed.clone().unwrap_or(value);
    let options = options
        .into_iter()
        .map(|(name, words)| view! { <option value=name selected=name == value>{words}</option> })
        .collect_view();
    let input = view! {
        <select
            id=tied.name
            name=tied.name
            aria-required="true"
            aria-invalid=invalid(tied.problem)
            aria-describedby=tied.described_by(true)
        >
            <option value="">{empty}</option>
            {options}
        </select>
    };
    tied.frame(true, input)
}

/// Sends the form once: while it is on its way the button says so and does nothing.
#[component]
pub fn SubmitButton(
    words: &'static str,
    sending: &'static str,
    #[prop(into)] pending: Signal<bool>,
    #[prop(default = "button button--main")] class: &'static str,
) -> impl IntoView {
    view! {
        <button type="submit" class=class disabled=move || pending.get()>
            {move || if pending.get() { sending } else { words }}
        </button>
    }
}
