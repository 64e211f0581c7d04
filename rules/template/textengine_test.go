package template

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	texttemplate "text/template"
)

// FuzzAgainstTextTemplate renders random templates with this package and with text/template. The templates use the
// part of the language where both have to agree: values that exist, and comparisons of equal types.
func FuzzAgainstTextTemplate(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		choices := make([]byte, 20+random.IntN(200))
		for i := range choices {
			choices[i] = byte(random.IntN(256))
		}
		f.Add(choices)
	}
	vars := map[string]any{
		"n": 3, "zero": 0, "half": 0.5, "s": "text", "empty": "", "yes": true, "no": false,
		"list": []any{1, 2, 3}, "none": []any{}, "object": map[string]any{"b": 1, "a": 2},
	}
	partials := map[string]string{
		"part": `<{{ .s }}{{ range .list }}{{ . }}{{ if eq . 2 }}{{ break }}{{ end }}{{ end }}{{ $.n }}>`,
	}
	f.Fuzz(func(t *testing.T, choices []byte) {
		text := (&generator{choices: choices[:min(len(choices), 300)]}).block(4)
		want := renderText(t, text, partials, vars)
		compiled, faults := New(partials, Options{}).Compile("x", text, FormPlain)
		if compiled == nil {
			t.Fatalf("%s\ndoes not compile: %v", text, faults)
		}
		if got, err := compiled.Render(Context{Vars: vars}); err != nil || got != want {
			t.Errorf("%s\ngot  %q, %v\nwant %q", text, got, err, want)
		}
	})
}

func TestVariablesOfTheFirstBranchAreOutOfScopeInElse(t *testing.T) {
	for _, text := range []string{
		`{{ $x := 1 }}{{ if false }}{{ $x := 2 }}{{ else }}{{ $x }}{{ end }}{{ $x }}`,
		`{{ $x := 1 }}{{ if false }}{{ $x := 2 }}{{ else if true }}{{ $x }}{{ end }}{{ $x }}`,
		`{{ $x := 1 }}{{ with .empty }}{{ $x := 2 }}{{ else }}{{ $x }}{{ end }}{{ $x }}`,
		`{{ $x := 1 }}{{ range .none }}{{ $x := 2 }}{{ else }}{{ $x }}{{ end }}{{ $x }}`,
		`{{ $x := 1 }}{{ if $y := false }}{{ $x := 2 }}{{ else }}{{ $x }}{{ $y }}{{ end }}{{ $x }}`,
	} {
		vars := map[string]any{"empty": "", "none": []any{}}
		want := renderText(t, text, nil, vars)
		compiled, faults := New(nil, Options{}).Compile("x", text, FormPlain)
		if compiled == nil {
			t.Errorf("%s: does not compile: %v", text, faults)
		} else if got, err := compiled.Render(Context{Vars: vars}); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", text, got, err, want)
		}
	}
}

func renderText(t *testing.T, text string, partials map[string]string, vars map[string]any) string {
	t.Helper()
	root, err := texttemplate.New("x").Parse(text)
	if err != nil {
		t.Fatalf("%s\nis not a template: %v", text, err)
	}
	for name, partial := range partials {
		texttemplate.Must(root.New(name).Parse(partial))
	}
	var out strings.Builder
	if err := root.Execute(&out, vars); err != nil {
		t.Fatalf("%s\nfails in text/template: %v", text, err)
	}
	return out.String()
}

// generator makes a template out of choices.
type generator struct {
	choices []byte
	depth   int      // of blocks
	loops   int      // around the current place
	numbers []string // variables in scope
	next    int      // number of the next variable
}

func (g *generator) choose(n int) int {
	if len(g.choices) == 0 {
		return 0
	}
	c := int(g.choices[0])
	g.choices = g.choices[1:]
	return c % n
}

func (g *generator) pick(options ...string) string { return options[g.choose(len(options))] }

// block makes up to n nodes. The variables in it are out of scope behind it.
func (g *generator) block(n int) string {
	outer := g.numbers
	g.depth++
	var out strings.Builder
	for range 1 + g.choose(n) {
		out.WriteString(g.node())
	}
	g.depth--
	g.numbers = outer[:len(outer):len(outer)]
	return out.String()
}

func (g *generator) node() string {
	kind := g.choose(13)
	if g.depth > 4 && kind >= 6 {
		kind = g.choose(6)
	}
	switch kind {
	case 0:
		return g.pick("a", " b ", "\n", "{{- /* c */ -}}", " {{- 1 -}} ", `{{ "d" }}`)
	case 1:
		return "{{ " + g.number() + " }}"
	case 2:
		return "{{ " + g.text() + " }}"
	case 3:
		return "{{ " + g.text() + ` | ` + g.pick(`printf "%s!"`, "len", `printf "%q" | printf "(%s)"`) + " }}"
	case 4:
		return g.assign()
	case 5:
		if g.loops > 0 {
			return "{{ if " + g.condition() + " }}" + g.pick("{{ break }}", "{{ continue }}") + "{{ end }}"
		}
		return `{{ template "part" $ }}`
	case 6, 7:
		return "{{ if " + g.condition() + " }}" + g.block(3) +
			g.pick("", "{{ else if "+g.condition()+" }}"+g.block(2)) +
			"{{ else }}" + g.block(2) + "{{ end }}"
	case 8:
		return "{{ with " + g.pick(g.number(), g.text(), "$.none") + " }}{{ . }}" + g.block(3) +
			"{{ else }}" + g.block(2) + "{{ end }}"
	}
	return g.loop()
}

func (g *generator) assign() string {
	if len(g.numbers) > 0 && g.choose(2) == 0 {
		return "{{ " + g.pick(g.numbers...) + " = " + g.number() + " }}"
	}
	value := g.number()
	name := fmt.Sprintf("$w%d", g.choose(2)) // may hide an outer variable
	g.numbers = append(g.numbers, name)
	return "{{ " + name + " := " + value + " }}"
}

func (g *generator) declare() string {
	name := fmt.Sprintf("$v%d", g.next)
	g.next++
	g.numbers = append(g.numbers, name)
	return name
}

func (g *generator) loop() string {
	over := g.pick("$.list", "$.none", "$.object", "$.n", "2")
	outer := g.numbers
	head := ""
	switch g.choose(3) {
	case 1:
		head = g.declare() + " := "
	case 2:
		head, over = "$key, "+g.declare()+" := ", g.pick("$.list", "$.none", "$.object") // numbers have no keys
	}
	g.loops++
	inner := "{{ . }}" + g.block(4)
	g.numbers = outer[:len(outer):len(outer)]
	loops := g.loops - 1
	g.loops = 0 // a break in else belongs to the loop around, but ends only this one in text/template
	otherwise := g.block(2)
	g.loops = loops
	return "{{ range " + head + over + " }}" + inner + "{{ else }}" + otherwise + "{{ end }}"
}

func (g *generator) number() string {
	return g.pick(append([]string{
		"7", "-1", "$.n", "$.zero", "$.object.a", "(len $.list)", "(index $.list 1)", `(index $.object "b")`,
		`($.object).b`,
	}, g.numbers...)...)
}

func (g *generator) text() string {
	return g.pick(`"x"`, "`y`", "$.s", "$.empty", `(printf "%s-%d" $.s `+g.number()+`)`,
		`(urlquery "a b" | printf "%s")`)
}

func (g *generator) condition() string {
	switch g.choose(9) {
	case 6:
		return "(not " + g.condition() + ")"
	case 1:
		return "(and " + g.condition() + " " + g.condition() + ")"
	case 2:
		return "(or " + g.condition() + " " + g.condition() + ")"
	case 3:
		return "(" + g.pick("eq", "ne", "lt", "le", "gt", "ge") + " " + g.number() + " " + g.number() + ")"
	case 4:
		return "(" + g.pick("eq", "ne", "lt", "le", "gt", "ge") + " " + g.text() + " " + g.text() + ")"
	case 5:
		return "(eq " + g.number() + " " + g.number() + " " + g.number() + ")"
	}
	return g.pick("$.yes", "$.no", "$.half", "$.missing", "$.object.missing", "$.none", "$.list", "$.object",
		g.number(), g.text())
}
