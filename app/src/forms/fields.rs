//! Labelled inputs, each linked to its hint and its problem.

use super::FormEcho;
use crate::i18n::use_words;
use crate::markup::escaped;
use leptos::prelude::*;
use model::{Field, ProblemKind, Refusal};

/// State shared by the fields of one form.
#[derive(Clone)]
pub struct FormContext {
    refusal: Option<Refusal>,
    echo: FormEcho,
    called: Option<(Field, &'static str)>,
    watched: bool,
}

impl FormContext {
    /// `refusal` is the reason why the form was refused, if it was.
    pub fn new(refusal: Option<Refusal>) -> FormContext {
        FormContext {
            refusal,
            echo: FormEcho::of_request(),
            called: None,
            watched: false,
        }
    }

    /// Marks the form as checked while it is filled in. Its problems are live regions, because they
    /// appear after the focus has moved on.
    pub fn watched(self) -> FormContext {
        FormContext {
            watched: true,
            ..self
        }
    }

    /// Gives a field another label in this form.
    pub fn calling(self, field: Field, label: &'static str) -> FormContext {
        FormContext {
            called: Some((field, label)),
            ..self
        }
    }
}

/// Returns the label of a field in this form.
pub(super) fn label_of(field: Field) -> &'static str {
    let called = use_context::<FormContext>().and_then(|form| form.called);
    match called {
        Some((called, label)) if called == field => label,
        _ => (use_words().field_label)(field),
    }
}

/// The parts that all kinds of fields share.
struct Tied {
    name: &'static str,
    label: &'static str,
    hint: Option<&'static str>,
    problem: Option<String>,
    typed: Option<String>,
}

impl Tied {
    /// `saved` is the stored value, which the field has before anything is typed.
    fn new(field: Field, hinted: bool, saved: &str) -> Tied {
        let words = use_words();
        let (refusal, echo) = match use_context::<FormContext>() {
            Some(FormContext { refusal, echo, .. }) => (refusal, echo),
            None => Default::default(),
        };
        let problem = refusal.and_then(|refusal| refusal.problem_of(field));
        let name = field_name(field);
        // Both are shown: the typed value in the field, the saved value beside it.
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

    /// Returns the ids that describe the input: its problem, which is empty while there is none,
    /// and its hint.
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

/// A one-line input. Passwords are never echoed.
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
    // Addresses, numbers and passwords have a fixed direction.
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

/// A multi-line input.
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

/// A select with options of `(value, words)`.
#[component]
pub fn SelectField(
    field: Field,
    #[prop(optional, into)] value: String,
    /// Label of the empty option.
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

/// A file input. The server checks the file; `accept` only filters the choice in the file dialog.
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

/// A button that submits the form. See [`super::SendOnce`] for its label while the form is being
/// sent.
#[component]
pub fn SubmitButton(
    words: &'static str,
    #[prop(default = "button button--main")] class: &'static str,
    /// Name and value sent with the form if this button submits it.
    #[prop(optional)]
    sends: Option<(&'static str, &'static str)>,
) -> impl IntoView {
    let (name, value) = sends.unzip();
    view! { <button type="submit" class=class name=name value=value data-sending=use_words().sending>{words}</button> }
}

/// Returns the `name` of a field's input, which is also its serde name.
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
