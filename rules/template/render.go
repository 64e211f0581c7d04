package template

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"qaserelay/rules/value"
)

var parsePlace = regexp.MustCompile(`:(\d+):\d+$`)

// run is one rendering of a template.
type run struct {
	dot   any
	vars  []any // of the template or partial that is running
	now   time.Time
	Out   strings.Builder
	stack []any // arguments of the functions that are running
	turns int
	begin int  // of the text of this template in out
	full  bool // more was printed than there may be
}

// runs keeps the stacks of past renderings.
var runs = sync.Pool{New: func() any { return &run{} }}

// Render executes the template. Its errors name the place within the template.
func (c *Compiled) Render(dot map[string]any) (string, error) {
	if c.Body == nil {
		return c.Static, nil
	}
	r := NewRun(dot)
	defer r.End()
	return r.Render(c)
}

// NewRun returns a run that nobody else uses until its end.
func NewRun(dot map[string]any) *run {
	r := runs.Get().(*run)
	r.now, _ = dot[NowKey].(time.Time)
	r.dot, r.Out = dot, strings.Builder{}
	return r
}

func (r *run) End() {
	r.dot, r.Out = nil, strings.Builder{}
	runs.Put(r)
}

// Render executes one template after others of the same message: their texts share memory.
func (r *run) Render(c *Compiled) (string, error) {
	if c.Body == nil {
		return c.Static, nil
	}
	r.begin, r.turns, r.full = r.Out.Len(), 0, false
	err := r.call(c.Body, r.dot)
	switch text := r.Out.String()[r.begin:]; {
	case r.full && c.clips:
		return clip(text, MaxOutputBytes), nil
	case err != nil:
		return "", err
	default:
		return text, nil
	}
}

// call runs b with a dot and variables of its own.
func (r *run) call(b *Body, dot any) error {
	outerDot, outerVars, base := r.dot, r.vars, len(r.stack)
	defer func() { r.dot, r.vars, r.stack = outerDot, outerVars, r.stack[:base] }()
	r.stack = append(r.stack, make([]any, b.slots)...)
	r.dot, r.vars = dot, r.stack[base:base+b.slots:base+b.slots]
	r.vars[0] = dot
	return r.steps(b.steps)
}

func (r *run) steps(steps []step) error {
	for _, s := range steps {
		if r.turns++; r.turns > maxTurns {
			return &boundError{fmt.Sprintf("the template did not end after %d steps", maxTurns)}
		}
		if err := s(r); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) write(s string) error {
	if left := r.begin + MaxOutputBytes - r.Out.Len(); len(s) > left {
		r.full = true
		r.Out.WriteString(s[:left+1])
		return tooLong()
	}
	r.Out.WriteString(s)
	return nil
}

// clip cuts a text that is too long with a mark, before a character or an escape that would be broken.
func clip(s string, limit int) string {
	const mark = " …"
	if len(s) <= limit {
		return s
	}
	n := limit - len(mark)
	for i := 0; i < utf8.UTFMax-1 && !utf8.RuneStart(s[n]); i++ { // what decodes base64 may be no text at all
		n--
	}
	s = strings.TrimRight(s[:n], `\`)
	if i := strings.LastIndexByte(s, '&'); i >= len(s)-8 && i >= 0 {
		s = s[:i]
	}
	return s + mark
}

// evaluate puts the values of args on the stack. release takes them off again.
func (r *run) evaluate(args []operand) ([]any, error) {
	base := len(r.stack)
	for _, arg := range args {
		v, err := arg(r)
		if err != nil {
			r.stack = r.stack[:base]
			return nil, err
		}
		r.stack = append(r.stack, v)
	}
	return r.stack[base:], nil
}

func (r *run) release(n int) { r.stack = r.stack[:len(r.stack)-n] }

// loop is a translated range: the slots of its variables, what is done at each turn, and what if there is none.
type loop struct {
	slots           []int
	turn, otherwise []step
}

func (r *run) loop(v any, l *loop) error {
	outer := r.dot
	defer func() { r.dot = outer }()
	turns := 0
	var err error
	each(v, func(key, value any) bool {
		turns++
		r.dot = value
		switch len(l.slots) {
		case 1:
			r.vars[l.slots[0]] = value
		case 2:
			r.vars[l.slots[0]], r.vars[l.slots[1]] = key, value
		}
		if r.turns++; r.turns > maxTurns {
			err = &boundError{fmt.Sprintf("the template did not end after %d steps", maxTurns)}
			return false
		}
		if err = r.steps(l.turn); errors.Is(err, errContinue) {
			err = nil
		}
		return err == nil
	})
	if errors.Is(err, errBreak) {
		err = nil
	}
	if turns == 0 {
		r.dot = outer
		return r.steps(l.otherwise)
	}
	return err
}

// each calls yield for the elements of a list, the values of an object in the order of its keys, or the numbers below n.
func each(v any, yield func(key, value any) bool) {
	switch v := v.(type) {
	case []any:
		for i, x := range v {
			if !yield(i, x) {
				return
			}
		}
	case map[string]any:
		for _, key := range value.SortedKeys(v) {
			if !yield(key, v[key]) {
				return
			}
		}
	case int:
		for i := range v {
			if !yield(i, i) {
				return
			}
		}
	}
}

// truth is what if and with take for true: anything but null, false, zero and what is empty.
func truth(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case int:
		return v != 0
	case float64:
		return v != 0
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	x := reflect.ValueOf(v)
	return x.Kind() == reflect.Struct || !x.IsZero()
}
