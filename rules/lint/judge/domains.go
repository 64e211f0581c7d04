package judge

import (
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"qaserelay/rules/condition"
	"qaserelay/rules/people"
	"qaserelay/rules/value"
)

// worlds returns the combinations of the classes of some subjects.
func (p *possibilities) worlds(subjects []string) []world {
	all := []world{{}}
	persons, ofPerson := p.persons(subjects)
	if ofPerson {
		all = persons
		subjects = slices.DeleteFunc(subjects, isOfActor)
	}
	for _, subject := range subjects {
		var next []world
		for _, w := range all {
			for _, c := range p.domains[subject] {
				more := maps.Clone(w)
				more[subject] = c
				next = append(next, more)
			}
			if len(next) > maxWorlds {
				return next
			}
		}
		all = next
	}
	return slices.DeleteFunc(all, impossible)
}

// isLinked reports whether a subject is a field of another subject, or has one, or is one of several of the actor.
func (p *possibilities) isLinked(subject string) bool {
	for other := range p.counts {
		if other != subject && (isFieldWithin(other, subject) || isFieldWithin(subject, other) ||
			isOfActor(subject) && isOfActor(other)) {
			return true
		}
	}
	return false
}

// memberID is the variable that has the member id of the actor too.
const memberID = "team_member_id"

// isOfActor reports whether a subject is one of the fields by which a person is known.
func isOfActor(subject string) bool {
	field, ofActor := strings.CutPrefix(subject, "actor.")
	fields := []string{"name", "email", "member_id", "team", "automation"}
	return subject == memberID || ofActor && slices.Contains(fields, field)
}

func isFieldWithin(subject, object string) bool {
	return strings.HasPrefix(subject, object+".") || strings.HasPrefix(subject, object+"?.")
}

// impossible reports whether a world has a field of an object that is missing.
func impossible(w world) bool {
	for subject, c := range w {
		if c.kind != missing {
			continue
		}
		for other, oc := range w {
			if oc.kind != missing && isFieldWithin(other, subject) {
				return true
			}
		}
	}
	return false
}

// domain returns the classes that a subject can have.
func (p *possibilities) domain(n ast.Node, subject string) []class {
	if known, ok := p.domains[subject]; ok {
		return known
	}
	s := p.shapeOf(n)
	var all []class
	if p.canBeMissing(n, s) {
		all = append(all, class{kind: missing})
	}
	switch {
	case p.lacks(s.field):
	case s.isNumber():
		all = append(all, p.numbersOf(s)...)
	case s.sort == text:
		all = append(all, p.textsOf(s)...)
	case s.sort == boolean:
		all = append(all, class{kind: ofTruth, exact: "true"}, class{kind: ofTruth, exact: "false"})
	case s.sort == unknown:
		whole := numeric(number, math.Inf(-1), math.Inf(1))
		if s.isField() || isPlainField(n) {
			whole.sort = integer
		}
		all = append(append(all, p.numbersOf(whole)...), p.textsOf(shape{})...)
		all = append(all, class{kind: ofTruth, exact: "true"}, class{kind: ofTruth, exact: "false"}, class{kind: anything})
	default:
		all = append(all, class{kind: opaque})
	}
	p.domains[subject] = all
	return all
}

// isPlainField reports whether n is a field, which is not calculated.
func isPlainField(n ast.Node) bool {
	switch n.(type) {
	case *ast.MemberNode, *ast.ChainNode, *ast.PointerNode:
		return true
	}
	return false
}

// canBeMissing reports whether a subject may be nil.
func (p *possibilities) canBeMissing(n ast.Node, s shape) bool {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return s.sort == unknown || slices.Contains([]string{"previous", "failures", "trend"}, n.Value)
	case *ast.CallNode:
		return false
	case *ast.BuiltinNode:
		return n.Name != "len" && n.Name != "count" && n.Name != "lower" && n.Name != "upper" && n.Name != "trim"
	}
	f := s.field
	switch {
	case s.never != "":
		return false
	case f.Root == "actor" && len(f.Path) == 1:
		return f.Path[0] != "automation" && f.Path[0] != "member_id"
	case f.Root != "payload" || p.event == nil || !p.event.Documented || len(f.Path) == 0 || f.Item:
		return true
	}
	for i := range f.Path {
		known, listed := p.event.Fields[strings.Join(f.Path[:i+1], ".")]
		if !listed || known.Nullable {
			return true
		}
	}
	return false
}

// lacks reports whether the event is documented without a field.
func (p *possibilities) lacks(f condition.Field) bool {
	if f.Root != "payload" || p.event == nil || !p.event.Documented {
		return false
	}
	_, there := p.event.Has(f.Path)
	return !there
}

// numbersOf returns the classes of the numbers of a shape.
func (p *possibilities) numbersOf(s shape) (all []class) {
	for place := 0; place <= 2*len(p.numbers); place++ {
		low, high := math.Inf(-1), math.Inf(1)
		if place%2 == 1 {
			x := p.numbers[place/2]
			if x >= s.low && x <= s.high && (s.sort != integer || x == math.Trunc(x)) {
				all = append(all, class{kind: ofNumber, place: place, exact: value.PlainText(plainInt(x)),
					whole: s.sort == integer})
			}
			continue
		}
		if place > 0 {
			low = p.numbers[place/2-1]
		}
		if place/2 < len(p.numbers) {
			high = p.numbers[place/2]
		}
		if s.sort == integer {
			first, last := max(math.Floor(low)+1, math.Ceil(s.low)), min(math.Ceil(high)-1, math.Floor(s.high))
			if first > last {
				continue
			}
		}
		if high > s.low && low < s.high {
			all = append(all, class{kind: ofNumber, place: place, whole: s.sort == integer})
		}
	}
	return all
}

// plainInt returns a whole number as one.
func plainInt(x float64) any {
	if x == math.Trunc(x) && math.Abs(x) < 1<<53 {
		return int(x)
	}
	return x
}

// textsOf returns the classes of the texts of a shape.
func (p *possibilities) textsOf(s shape) (all []class) {
	if s.values != nil {
		for _, v := range s.values {
			i, found := slices.BinarySearch(p.texts, v)
			c := class{kind: ofText, place: 2 * i}
			if found {
				c = class{kind: ofText, place: 2*i + 1, exact: v}
			}
			if !slices.Contains(all, c) {
				all = append(all, c)
			}
		}
		return all
	}
	for place := 0; place <= 2*len(p.texts); place++ {
		c := class{kind: ofText, place: place}
		if place%2 == 1 {
			c.exact = p.texts[place/2]
		}
		all = append(all, c)
	}
	return all
}

// persons returns the worlds of the fields of the actor among the subjects: each person of the directory, automation,
// and others. ok is false if there are fewer than two.
func (p *possibilities) persons(subjects []string) (all []world, ok bool) {
	var fields []string
	for _, s := range subjects {
		if isOfActor(s) {
			fields = append(fields, s)
		}
	}
	if len(fields) < 2 || len(p.People) > maxWorlds/2 {
		return nil, false
	}
	for _, one := range p.People {
		all = append(all, p.personWorlds(fields, one)...)
	}
	all = append(all, p.personWorlds(fields, people.Person{Name: "automation", MemberID: -1})...)
	return append(all, p.personWorlds(fields, people.Person{})...), true
}

// personWorlds returns the worlds of one person: of automation for the member -1, and of anyone else for no name.
func (p *possibilities) personWorlds(fields []string, one people.Person) []world {
	all := []world{{}}
	for _, field := range fields {
		var choices []class
		known := ""
		switch strings.TrimPrefix(field, "actor.") {
		case "automation":
			choices = []class{{kind: ofTruth, exact: value.PlainText(one.MemberID == -1)}}
		case "name":
			known = one.Name
		case "email":
			known = one.Email
		case "member_id", memberID:
			if known = value.PlainText(max(one.MemberID, 0)); one.MemberID == 0 {
				known = ""
			}
		case "team":
			if known = one.Team; known == "" {
				choices = []class{{kind: missing}}
			}
		}
		switch {
		case known != "":
			choices = p.classesOf(field, known)
		case field == "actor.email" && one.MemberID == -1:
			choices = []class{{kind: missing}}
		case choices == nil:
			choices = p.unlisted(field)
		}
		var next []world
		for _, w := range all {
			for _, c := range choices {
				more := maps.Clone(w)
				more[field] = c
				next = append(next, more)
			}
		}
		all = next
	}
	return all
}

// classesOf returns the classes of a known value of a person. A person who is known by the email address may have
// another member id.
func (p *possibilities) classesOf(field, known string) []class {
	if field != "actor.member_id" && field != memberID {
		return p.textsOf(shape{values: []string{known}})
	}
	x, _ := value.Float(value.Number(known))
	i, found := slices.BinarySearch(p.numbers, x)
	own := class{kind: ofNumber, place: 2 * i}
	if found {
		own = class{kind: ofNumber, place: 2*i + 1, exact: known}
	}
	if known == "0" {
		return []class{own}
	}
	return append(p.unlisted(field), own)
}

// unlisted returns the classes of a field for people outside the directory, and for entries of it without the field.
func (p *possibilities) unlisted(field string) []class {
	return slices.DeleteFunc(slices.Clone(p.domains[field]), func(c class) bool {
		return slices.ContainsFunc(p.People, func(one people.Person) bool {
			id := value.PlainText(one.MemberID)
			known := map[string]string{"actor.email": one.Email, "actor.member_id": id, memberID: id}[field]
			return known != "" && known != "0" && c.exact == known
		})
	})
}
