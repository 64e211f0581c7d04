package lint

import (
	"maps"
	pattern "regexp/syntax"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"

	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/condition/syntax"
	"qaserelay/rules/value"
)

// Limits of the search for an event that two rules match.
const (
	maxCandidates  = 2000   // events for one pair of rules
	maxWitnessWork = 30_000 // such events for all pairs
)

// haveWitness reports whether an event is found for which the conditions of both rules are true. The events that are
// tried have the values that the two conditions tell apart.
func (f *overlapFinder) haveWitness(a, b *ruleMatch) bool {
	for i, matched := range a.matched() {
		if matched && b.matched()[i] {
			return true
		}
	}
	trials := f.trials(a.event)
	if len(trials) == 0 || f.candidates > maxWitnessWork {
		return false
	}
	w := newWitnesses(f.checker, trials[0], a, b)
	total := 1
	for _, d := range w.choices {
		total = min(total*len(d.values), 1<<40)
	}
	for i := range min(total, maxCandidates) {
		if f.candidates++; f.candidates > maxWitnessWork {
			return false
		}
		at := i
		if total > maxCandidates {
			at = int(uint64(i) * 0x9E3779B97F4A7C15 >> 20 % uint64(total)) // spread over all
		}
		env := w.candidate(at)
		if env == nil {
			continue
		}
		if matched, err := a.Rule.Condition.Match(env); err != nil || !matched {
			continue
		}
		if matched, err := b.Rule.Condition.Match(env); err == nil && matched {
			return true
		}
	}
	return false
}

// matchedTrials reports for each trial of an event whether it matches a rule.
func (c *checker) matchedTrials(r *rules.Rule, event string) (matched []bool) {
	for _, t := range c.trials(event) {
		vars := t.Context().Vars
		now, _ := vars["time"].(time.Time)
		one, err := r.Condition.Match(newEnv(now, vars))
		matched = append(matched, err == nil && one)
	}
	return matched
}

// newEnv returns the input of a condition with these variables.
func newEnv(now time.Time, vars map[string]any) *condition.Env {
	env := condition.NewEnv(now)
	for name, v := range vars {
		if env.Vars[name] == nil {
			env.Vars[name] = v
		}
	}
	return env
}

// choice is a part of an event, and the values that are tried for it.
type choice struct {
	roots  []string // the variables that hold the part
	path   []string // the way to it; empty for the variable itself
	values []any
}

// witnesses makes the events that may be matched by two rules.
type witnesses struct {
	vars    map[string]any // of the example
	now     time.Time
	event   *catalog.Schema
	numbers []any // the constants of both conditions, and their neighbors
	texts   []any
	spans   []time.Duration
	times   []time.Time
	choices []choice
}

func newWitnesses(c *checker, example trial, pair ...*ruleMatch) *witnesses {
	w := &witnesses{vars: maps.Clone(example.Context().Vars), event: catalog.Schemas().ByName[pair[0].event]}
	w.now, _ = w.vars["time"].(time.Time)
	names := map[string]bool{} // the variables that are read
	for _, r := range pair {
		w.addConstants(r.Parsed.Tree(), names)
	}
	w.numbers = append([]any{0, 1, 5, 100}, w.numbers...)
	w.texts = append(append([]any{"another text"}, w.texts...), w.joined()...)
	var fields []condition.Field
	for _, r := range pair {
		fields = append(fields, c.conditionReads(r.Rule, condition.KnownFacts(r.event))...)
	}
	slices.SortStableFunc(fields, func(a, b condition.Field) int { return len(a.Path) - len(b.Path) })
	for _, f := range fields {
		w.addField(f)
	}
	w.addVariables(c, names)
	return w
}

// addConstants collects the constants of a condition and the variables that it reads.
func (w *witnesses) addConstants(tree ast.Node, names map[string]bool) {
	properties := map[ast.Node]bool{}
	ast.Walk(&tree, syntax.Visitor(func(n ast.Node) {
		if member, isMember := n.(*ast.MemberNode); isMember {
			properties[member.Property] = true
		}
	}))
	ast.Walk(&tree, syntax.Visitor(func(n ast.Node) {
		switch n := n.(type) {
		case *ast.IdentifierNode:
			names[n.Value] = true
		case *ast.IntegerNode:
			w.numbers = append(w.numbers, n.Value-1, n.Value, n.Value+1)
		case *ast.FloatNode:
			w.numbers = append(w.numbers, int(n.Value), int(n.Value)+1)
		case *ast.BinaryNode:
			if written, isText := n.Right.(*ast.StringNode); isText && n.Operator == "matches" {
				w.texts = append(w.texts, exampleOf(written.Value))
			}
		case *ast.StringNode:
			if !properties[n] {
				w.addText(n.Value)
			}
		}
	}))
}

// addText adds a constant text, which may be a number, a length of time or a date.
func (w *witnesses) addText(text string) {
	w.texts = append(w.texts, text)
	if x, isNumber := value.ParseNumber(text); isNumber {
		if n, ok := value.Float(x); ok {
			w.numbers = append(w.numbers, int(n)-1, int(n), int(n)+1)
		}
	}
	if d, err := value.ParseDuration(text); err == nil {
		w.spans = append(w.spans, d-time.Second, d+time.Second)
		w.numbers = append(w.numbers, int(d.Milliseconds()-1), int(d.Milliseconds()), int(d.Milliseconds()+1))
	}
	if t, isTime := value.TimeIn(text, w.now.Location()); isTime {
		w.times = append(w.times, t.Add(-time.Second), t.Add(time.Second))
	}
}

// joined returns texts that hold two of the constants, for conditions that look for parts.
func (w *witnesses) joined() (all []any) {
	for _, a := range w.texts[:min(len(w.texts), 5)] {
		for _, b := range w.texts[:min(len(w.texts), 5)] {
			if a != b && a != "" && b != "" {
				all = append(all, value.PlainText(a)+" "+value.PlainText(b))
			}
		}
	}
	return all
}

// exampleOf returns a text that a pattern matches, as far as one is found easily.
func exampleOf(written string) string {
	tree, err := pattern.Parse(written, pattern.Perl)
	if err != nil {
		return written
	}
	var text strings.Builder
	writeExample(&text, tree)
	return text.String()
}

func writeExample(text *strings.Builder, n *pattern.Regexp) {
	switch n.Op {
	case pattern.OpLiteral:
		text.WriteString(string(n.Rune))
	case pattern.OpCharClass:
		if len(n.Rune) > 0 {
			text.WriteRune(n.Rune[0])
		}
	case pattern.OpAnyChar, pattern.OpAnyCharNotNL:
		text.WriteByte('x')
	case pattern.OpConcat:
		for _, part := range n.Sub {
			writeExample(text, part)
		}
	case pattern.OpCapture, pattern.OpPlus, pattern.OpAlternate:
		writeExample(text, n.Sub[0])
	case pattern.OpRepeat:
		for range n.Min {
			writeExample(text, n.Sub[0])
		}
	}
}

// addField adds the choice of a field, if events of this name have it. The fields of the payload are those of the
// entity too.
func (w *witnesses) addField(f condition.Field) {
	roots, schema := []string{f.Root}, w.event
	known, has := w.event.Has(f.Path)
	switch {
	case f.Root == "actor":
		return // see addVariables
	case f.Root == "previous" && w.event.IsRun():
		schema = catalog.Schemas().Previous
		known, has = schema.Has(f.Path)
	case has && f.Root != "previous":
		roots = []string{"payload", "entity"}
	case f.Root == "entity":
		all := catalog.Entities([]*catalog.Schema{w.event})
		if len(all) == 0 {
			return
		}
		schema = all[0]
		known, has = schema.Has(f.Path)
	}
	if !has || w.hasChoice(roots, f.Path) {
		return
	}
	for i := range f.Path {
		if list := f.Path[:i+1]; schema.Fields[strings.Join(list, ".")].Type == "array" {
			w.addList(roots, list, f.Path[i+1:])
			return
		}
	}
	values := append([]any{w.valueAt(roots[0], f.Path), nil}, w.valuesOf(known)...)
	w.choices = append(w.choices, choice{roots, f.Path, withoutRepeated(values)})
}

func (w *witnesses) hasChoice(roots, path []string) bool {
	return slices.ContainsFunc(w.choices, func(c choice) bool {
		return slices.Equal(c.roots, roots) && slices.Equal(c.path, path)
	})
}

// valuesOf returns the values that are tried for a field.
func (w *witnesses) valuesOf(known catalog.Field) (values []any) {
	switch {
	case len(known.Values) > 0:
		for _, v := range known.Values {
			values = append(values, v)
		}
	case known.Type == "integer" || known.Type == "number":
		return w.numbers
	case known.Type == "string":
		for _, t := range w.times {
			values = append(values, t.Format(time.RFC3339))
		}
		return append(values, w.texts...)
	case known.Type == "boolean":
		return []any{true, false}
	case known.Type == catalog.TypeTime:
		for _, d := range w.spans {
			values = append(values, w.now.Add(-d))
		}
		for _, t := range w.times {
			values = append(values, t)
		}
	case known.Type == catalog.TypeSpan:
		for _, d := range w.spans {
			values = append(values, d)
		}
	case known.Type == "":
		return slices.Concat(w.texts, w.numbers, []any{true, false})
	}
	return values
}

// addList adds the choice of a list: empty ones, ones with a single item, and one with all items.
func (w *witnesses) addList(roots, path, within []string) {
	values := []any{w.valueAt(roots[0], path), []any{}}
	var every []any
	for _, constant := range slices.Concat(w.texts, w.numbers) {
		item := constant
		if len(within) > 0 {
			item = with(map[string]any{}, within, constant)
		}
		values, every = append(values, []any{item}), append(every, item)
	}
	w.choices = append(w.choices, choice{roots, path, append(values, every)})
}

// addVariables adds the choices of the variables that are read whole.
func (w *witnesses) addVariables(c *checker, names map[string]bool) {
	if names["previous"] && w.event.IsRun() { // before its fields
		whole := choice{[]string{"previous"}, nil, []any{map[string]any{}, nil}}
		w.choices = slices.Insert(w.choices, 0, whole)
	}
	if names["project_code"] {
		values := withoutRepeated(append([]any{w.vars["project_code"]}, w.texts...))
		w.choices = append(w.choices, choice{[]string{"project_code"}, nil, values})
	}
	if names["source"] && len(c.file.Sources) > 0 {
		var values []any
		for _, s := range c.file.Sources {
			values = append(values, s.Name)
		}
		w.choices = append(w.choices, choice{[]string{"source"}, nil, values})
	}
	if names["actor"] || names["team_member_id"] {
		w.choices = append(w.choices, choice{[]string{"actor"}, nil, w.actors(c)})
	}
	if names["time"] || names["timestamp"] || names["now"] {
		w.choices = append(w.choices, choice{[]string{"time"}, nil, w.moments()})
	}
}

// actors returns the people of the directory, automation, and people with the constants as their names and addresses.
func (w *witnesses) actors(c *checker) (all []any) {
	example, _ := w.vars["actor"].(map[string]any)
	for _, t := range c.trials(w.event.Name) {
		all = append(all, t.Context().Vars["actor"])
	}
	person := func(fields map[string]any) {
		actor := maps.Clone(example)
		if actor == nil {
			actor = map[string]any{}
		}
		maps.Copy(actor, fields)
		all = append(all, actor)
	}
	for _, one := range c.file.Source.People {
		person(map[string]any{"name": one.Name, "email": one.Email, "member_id": one.MemberID, "team": one.Team,
			"automation": false})
	}
	for _, text := range w.texts {
		fields := map[string]any{"name": text, "team": nil, "automation": false}
		if strings.Contains(value.PlainText(text), "@") {
			fields = map[string]any{"email": text, "team": nil, "automation": false}
		}
		person(fields)
	}
	for _, n := range w.numbers {
		if id, isInt := n.(int); isInt && id > 0 {
			person(map[string]any{"member_id": id, "team": nil, "automation": false})
		}
	}
	return all
}

// moments returns times of an event: the half hours of a day, two hours of the other days, a day of each month, and the
// dates of the conditions.
func (w *witnesses) moments() (all []any) {
	all = append(all, w.now)
	year, month, day := w.now.Date()
	midnight := time.Date(year, month, day, 0, 0, 0, 0, w.now.Location())
	for i := range 48 {
		all = append(all, midnight.Add(time.Duration(i)*30*time.Minute))
	}
	for i := 1; i < 7; i++ {
		all = append(all, midnight.AddDate(0, 0, i).Add(3*time.Hour), midnight.AddDate(0, 0, i).Add(12*time.Hour))
	}
	for i := 1; i < 12; i++ {
		all = append(all, midnight.AddDate(0, i, 0).Add(12*time.Hour))
	}
	for _, t := range w.times {
		all = append(all, t)
	}
	return all
}

// candidate returns the variables of the event with a number, or nil if no event is like this.
func (w *witnesses) candidate(number int) *condition.Env {
	vars := maps.Clone(w.vars)
	now := w.now
	for _, c := range w.choices {
		v := c.values[number%len(c.values)]
		number /= len(c.values)
		for _, root := range c.roots {
			object, _ := vars[root].(map[string]any)
			switch {
			case len(c.path) == 0:
				vars[root] = v
			case v != nil || object != nil:
				vars[root] = with(object, c.path, v)
			}
		}
	}
	if actor, isObject := vars["actor"].(map[string]any); isObject {
		vars["team_member_id"] = actor["member_id"]
		if actor["automation"] == true {
			vars["team_member_id"] = 0
		}
	}
	if t, isTime := vars["time"].(time.Time); isTime {
		now, vars["timestamp"] = t, int(t.Unix())
	}
	if !w.countsFit(vars, "payload") || !w.countsFit(vars, "previous") {
		return nil
	}
	return newEnv(now, vars)
}

// countsFit makes the counts of a run that the conditions do not read fit the others, and reports whether those that
// they read fit: the parts of the test cases are together not more than all.
func (w *witnesses) countsFit(vars map[string]any, root string) bool {
	object, _ := vars[root].(map[string]any)
	if w.event == nil || !w.event.IsRun() || object["cases"] == nil && root == "payload" {
		return true
	}
	object, sum := maps.Clone(object), 0
	for _, part := range []string{"passed", "failed", "blocked", "untested", "skipped", "skiped"} {
		count, isInt := object[part].(int)
		switch {
		case !isInt:
		case count < 0:
			return false
		case w.reads(root, part):
			sum += count
		default:
			object[part] = 0
		}
	}
	cases, isInt := object["cases"].(int)
	if isInt && !w.reads(root, "cases") {
		object["cases"] = max(cases, sum)
		cases = max(cases, sum)
	}
	if len(object) > 0 {
		vars[root] = object
	}
	return !isInt || sum <= cases
}

func (w *witnesses) reads(root, field string) bool {
	return slices.ContainsFunc(w.choices, func(c choice) bool {
		return slices.Contains(c.roots, root) && slices.Equal(c.path, []string{field})
	})
}

// valueAt returns the value at a path within a variable of the example.
func (w *witnesses) valueAt(root string, path []string) any {
	v := w.vars[root]
	for _, key := range path {
		object, _ := v.(map[string]any)
		v = object[key]
	}
	return v
}

// with returns a copy of an object with another value at a path.
func with(object map[string]any, path []string, v any) map[string]any {
	object = maps.Clone(object)
	if object == nil {
		object = map[string]any{}
	}
	if len(path) > 1 {
		inner, _ := object[path[0]].(map[string]any)
		v = with(inner, path[1:], v)
	}
	object[path[0]] = v
	return object
}

// withoutRepeated returns values without those that occur before. Lists and objects are not compared.
func withoutRepeated(values []any) (all []any) {
	seen := map[any]bool{}
	for _, v := range values {
		switch v.(type) {
		case map[string]any, []any:
		default:
			if seen[v] {
				continue
			}
			seen[v] = true
		}
		all = append(all, v)
	}
	return all
}
