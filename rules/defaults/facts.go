package defaults

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"qaserelay/rules/event"
	"qaserelay/rules/template"
	"qaserelay/rules/template/funcs"
	"qaserelay/rules/value"
)

// given reports whether a value is there: anything but null, false, zero and the empty text, list or object.
func given(v any) bool { return funcs.Truth(v) }

// firstOf returns the first value that is given, or nil.
func firstOf(values ...any) any {
	for _, v := range values {
		if given(v) {
			return v
		}
	}
	return nil
}

// number returns a value as a whole number. A text counts as the number that it holds, true as 1,
// and anything else as 0.
func number(v any) int {
	switch of := v.(type) {
	case int:
		return of
	case string:
		v, _ = value.ParseNumber(strings.TrimSpace(of))
	case bool:
		if of {
			return 1
		}
	}
	n, _ := value.Float(v)
	return int(max(-1e15, min(n, 1e15)))
}

// isZero reports whether a value is the number 0, and not just missing.
func isZero(v any) bool { return v == 0 || v == "0" }

// plural returns such as "1 test case" and "3 test cases".
func plural(n int, word string) string { return string(appendPlural(nil, n, word)) }

func appendPlural(out []byte, n int, word string) []byte {
	out = append(append(strconv.AppendInt(out, int64(n), 10), ' '), word...)
	if n != 1 {
		out = append(out, 's')
	}
	return out
}

// plain writes a value in one line of plain text.
func plain(v any) string { return value.OneLine(value.Readable(v)) }

// escaped writes a value in Markdown so that it is shown as it is.
func escaped(v any) string { return template.MarkdownText(v) }

// escapedText writes a text in Markdown so that it is shown as it is.
func escapedText(s string) string { return template.EscapeMarkdown(s) }

// shown writes a value in Markdown, or nothing if it is not given.
func shown(v any) string {
	if !given(v) {
		return ""
	}
	return escaped(v)
}

// prefixed returns a value as plain text behind another text, or "" if it is not given.
func prefixed(before string, v any) string {
	if !given(v) {
		return ""
	}
	return before + plain(v)
}

// member returns a field of an object, or nil.
func member(v any, name string) any {
	object, _ := v.(map[string]any)
	return object[name]
}

// beginning returns the first n characters of a text, and whether there are more.
func beginning(text string, n int) (first string, more bool) {
	for i := range text {
		if n--; n < 0 {
			return text[:i], true
		}
	}
	return text, false
}

// shortened returns a value in one line of at most 100 characters of Markdown.
func shortened(v any) string {
	text := strings.Join(strings.Fields(value.PlainText(v)), " ")
	if utf8.RuneCountInString(text) <= 100 {
		return escaped(text)
	}
	first, _ := beginning(text, 99)
	return escaped(first) + "…"
}

// quotation returns a value as a quotation of at most 500 characters, or "" without a text.
func quotation(v any) string {
	text := strings.TrimSpace(strings.ReplaceAll(value.PlainText(v), "\r", ""))
	if text == "" {
		return ""
	}
	if first, more := beginning(text, 500); more {
		first, _ = beginning(first, 499)
		text = first + "…"
	}
	var out strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		out.WriteString("> " + escaped(line) + "\n")
	}
	return out.String()
}

// quoting returns a body that quotes a field of the payload.
func quoting(path ...string) func(*Facts) string {
	return func(f *Facts) string {
		v := any(f.Event.Payload)
		for _, name := range path {
			v = member(v, name)
		}
		return quotation(v)
	}
}

// payload returns the value of a field of the event, or nil.
func (f *Facts) payload(name string) any { return f.Event.Payload[name] }

// entity returns the value of a field of the entity, or nil.
func (f *Facts) entity(name string) any { return f.Entity.Fields[name] }

// count returns the number in a field of the payload.
func (f *Facts) count(name string) int { return number(f.Event.Payload[name]) }

// id returns the id of the entity if it is a text or a whole number, or "".
func (f *Facts) id() string {
	if _, fraction := f.entity("id").(float64); fraction || !given(f.entity("id")) {
		return ""
	}
	return event.IDText(f.entity("id"))
}

// thing returns the title of the entity in one line.
func (f *Facts) thing() string { return value.OneLine(f.Title) }

// numbered returns the id behind another text, or "" without an id.
func (f *Facts) numbered(before string) string {
	return prefixed(before, f.id())
}

// kind is what the entity is, in words: shared step.
func (f *Facts) kind() string { return strings.ReplaceAll(f.Event.Type(), "_", " ") }

// isTitled reports whether the title of the entity says more than what it is and its id.
func (f *Facts) isTitled() bool {
	kind, title := f.kind(), strings.ToLower(f.Title)
	return title != kind && title != kind+" "+value.PlainText(f.entity("id"))
}

// titled returns such as ": Login works" if the title of the entity is known, or "".
func (f *Facts) titled() string {
	if !f.isTitled() {
		return ""
	}
	return ": " + f.thing()
}

// someone is the name of an actor of whom nothing is known.
const someone = "someone"

// who returns the actor as a value, if it is known.
func who(f *Facts) string {
	if f.Actor == someone {
		return ""
	}
	return escapedText(f.Actor)
}

// actor returns the actor at the start of a sentence.
func (f *Facts) actor() string {
	name := plain(f.Actor)
	if name == someone || name == "automation" || strings.HasPrefix(name, "member ") {
		return strings.ToUpper(name[:1]) + name[1:]
	}
	return name
}

// project returns the code of the project as a field.
func project(f *Facts) string { return escapedText(f.Event.Project) }

// fieldOf returns a field with the value of a field of the payload, or that of an object in it.
func fieldOf(name string, path ...string) field {
	return field{name, func(f *Facts) string {
		v := any(f.Event.Payload)
		for _, key := range path {
			v = member(v, key)
		}
		return shown(v)
	}}
}
