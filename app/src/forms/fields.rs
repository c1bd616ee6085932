//! One labelled input each, with its hint and its problem tied to it.

use super::FormEcho;
use crate::i18n::use_words;
use crate::markup::escaped;
use leptos::prelude::*;
use model::{Field, ProblemKind, Refusal};

/// What the fields of one form share.
#[derive(Clone)]
pub struct FormContext {
    refusal: Option<Refusal>,
    echo: FormEcho,
    called: Option<(Field, &'static str)>,
    watched: bool,
}

impl FormContext {
    /// `refusal`: why the form was sent back, if it was.
    pub fn new(refusal: Option<Refusal>) -> FormContext {
        FormContext {
            refusal,
            echo: FormEcho::of_request(),
            called: None,
            watched: false,
        }
    }

    /// That is looked at while it is filled in, so that what is wrong comes when the reader is elsewhere already.
    pub fn watched(self) -> FormContext {
        FormContext {
            watched: true,
            ..self
        }
    }

    /// With a field that is called otherwise in this form.
    pub fn calling(self, field: Field, label: &'static str) -> FormContext {
        FormContext {
            called: Some((field, label)),
            ..self
        }
    }
}

/// What a field is called in this form.
pub(super) fn label_of(field: Field) -> &'static str {
    let called = use_context::<FormContext>().and_then(|form| form.called);
    match called {
        Some((called, label)) if called == field => label,
        _ => (use_words().field_label)(field),
    }
}

/// The parts that every kind of field has.
struct Tied {
    name: &'static str,
    label: &'static str,
    hint: Option<&'static str>,
    problem: Option<String>,
    typed: Option<String>,
}

impl Tied {
    /// `saved`: what it says before anyone types.
    fn new(field: Field, hinted: bool, saved: &str) -> Tied {
        let words = use_words();
        let (refusal, echo) = match use_context::<FormContext>() {
            Some(FormContext { refusal, echo, .. }) => (refusal, echo),
            None => Default::default(),
        };
        let problem = refusal.and_then(|refusal| refusal.problem_of(field));
        let name = field_name(field);
        // Both are seen: what was typed in the field, what is saved beside it.
        let saved = match problem {
            // In isolates (UAX 9), which do within a text what `<bdi>` does within a page.
            Some(ProblemKind::ChangedMeanwhile) => {
                format!(" {} \u{2068}{saved}\u{2069}", words.forms.saved_now)
            }
            _ => String::new(),
        };
        Tied {
            name,
            label: label_of(field),
            hint: (words.field_hint)(field).filter(|_| hinted),
            problem: problem.map(|problem| (words.problem)(problem) + &saved),
            typed: echo.get(name).map(str::to_owned),
        }
    }

    /// The ids that describe the input: its problem, which says nothing while there is none, and its hint.
    fn described_by(&self) -> String {
        let name = self.name;
        match self.hint {
            Some(_) => format!("{name}-problem {name}-hint"),
            None => format!("{name}-problem"),
        }
    }

    fn invalid(&self) -> Option<&'static str> {
        self.problem.is_some().then_some("true")
    }

    fn frame(self, input: impl IntoView) -> impl IntoView {
        let (name, wrong) = (self.name, self.problem.is_some());
        let watched = use_context::<FormContext>().is_some_and(|form| form.watched);
        let problem = view! { <p class="field-problem" id=format!("{name}-problem") hidden=!wrong>{self.problem}</p> };
        view! {
            <div class="field" class:field--wrong=wrong>
                <label for=name>{self.label}</label>
                {input.into_any()}
                {self.hint.map(|hint| view! { <p class="field-hint" id=format!("{name}-hint")>{hint}</p> })}
                {match watched {
                    true => view! { <div aria-live="polite">{problem}</div> }.into_any(),
                    false => problem.into_any(),
                }}
            </div>
        }
    }
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
    let tied = Tied::new(field, hinted, &value);
    let value = if kind == "password" {
        String::new()
    } else {
        tied.typed.clone().unwrap_or(value)
    };
    // An address, a number and a password have a direction of their own.
    let direction = (kind == "text").then_some("auto");
    let input = view! {
        <input
            id=tied.name
            name=tied.name
            type=kind
            dir=direction
            value=value
            autocomplete=autocomplete
            inputmode=inputmode
            aria-required=required.then_some("true")
            aria-invalid=tied.invalid()
            aria-describedby=tied.described_by()
        />
    };
    tied.frame(input)
}

/// A longer text.
#[component]
pub fn TextArea(field: Field, #[prop(optional, into)] value: String) -> impl IntoView {
    let tied = Tied::new(field, true, &value);
    let value = escaped(tied.typed.clone().unwrap_or(value));
    let input = view! {
        <textarea
            id=tied.name
            name=tied.name
            rows="6"
            dir="auto"
            aria-invalid=tied.invalid()
            aria-describedby=tied.described_by()
        >
            {value}
        </textarea>
    };
    tied.frame(input)
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
    let tied = Tied::new(field, true, &value);
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
            aria-invalid=tied.invalid()
            aria-describedby=tied.described_by()
        >
            <option value="">{empty}</option>
            {options}
        </select>
    };
    tied.frame(input)
}

/// A file. What it has to be is said by whoever takes it; `accept` only spares people the others in their folder.
#[component]
pub fn FileField(field: Field, accept: &'static str) -> impl IntoView {
    let tied = Tied::new(field, true, "");
    let input = view! {
        <input
            id=tied.name
            name=tied.name
            type="file"
            accept=accept
            aria-required="true"
            aria-invalid=tied.invalid()
            aria-describedby=tied.described_by()
        />
    };
    tied.frame(input)
}

/// Sends the form; see [`super::SendOnce`] for what it says while it is on its way.
#[component]
pub fn SubmitButton(
    words: &'static str,
    #[prop(default = "button button--main")] class: &'static str,
    /// What is sent with the form when it is this button that sends it.
    #[prop(optional)]
    sends: Option<(&'static str, &'static str)>,
) -> impl IntoView {
    let (name, value) = sends.unzip();
    view! { <button type="submit" class=class name=name value=value data-sending=use_words().sending>{words}</button> }
}

/// The `name` of a field's input: what serde calls it, too.
pub fn field_name(field: model::Field) -> &'static str {
    use model::Field::*;
    match field {
        AccountName => "account_name",
        Password => "password",
        CurrentPassword => "current_password",
        Name => "name",
        Nickname => "nickname",
        Email => "email",
        Title => "title",
        Artist => "artist",
        Genre => "genre",
        Venue => "venue",
        StartsAt => "starts_at",
        EndsAt => "ends_at",
        RunningMinutes => "running_minutes",
        PriceWon => "price_won",
        Description => "description",
        Capacity => "capacity",
        SaleOpensAt => "sale_opens_at",
        BatchSize => "batch_size",
        IntervalMs => "interval_ms",
        Poster => "poster",
        Reason => "reason",
        TicketsReason => "tickets_reason",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Field;

    #[test]
    fn inputs_are_called_what_serde_calls_them() {
        for field in [
            Field::AccountName,
            Field::RunningMinutes,
            Field::SaleOpensAt,
            Field::IntervalMs,
            Field::Email,
            Field::CurrentPassword,
            Field::Poster,
            Field::TicketsReason,
        ] {
            assert_eq!(serde_json::to_value(field).unwrap(), field_name(field));
        }
    }
}
