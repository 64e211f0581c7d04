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

// Renderer renders templates one after another: their texts share memory. Close must be called at the end.
type Renderer struct {
	dot   any
	vars  []any // of the template or partial that is running
	now   time.Time
	out   strings.Builder
	stack []any // arguments of the functions that are running
	turns int
	begin int  // of the text of this template in out
	full  bool // more was printed than there may be
}

// renderers keeps the stacks of past renderings.
var renderers = sync.Pool{New: func() any { return &Renderer{} }}

// NewRenderer returns a renderer for the variables of one message.
func NewRenderer(vars map[string]any) *Renderer {
	r := renderers.Get().(*Renderer)
	r.now, _ = vars[NowKey].(time.Time)
	r.dot, r.out = vars, strings.Builder{}
	return r
}

// Close ends the use of the renderer.
func (r *Renderer) Close() {
	r.dot, r.out = nil, strings.Builder{}
	renderers.Put(r)
}

// Render executes one template after others of the same message: their texts share memory.
func (r *Renderer) Render(c *Template) (string, error) {
	if c.body == nil {
		return c.static, nil
	}
	r.begin, r.turns, r.full = r.out.Len(), 0, false
	err := r.call(c.body, r.dot)
	switch text := r.out.String()[r.begin:]; {
	case r.full && c.truncates:
		return clip(text, maxOutputBytes), nil
	case err != nil:
		return "", err
	default:
		return text, nil
	}
}

// call runs b with a dot and variables of its own.
func (r *Renderer) call(b *body, dot any) error {
	outerDot, outerVars, base := r.dot, r.vars, len(r.stack)
	defer func() { r.dot, r.vars, r.stack = outerDot, outerVars, r.stack[:base] }()
	r.stack = append(r.stack, make([]any, b.slots)...)
	r.dot, r.vars = dot, r.stack[base:base+b.slots:base+b.slots]
	r.vars[0] = dot
	return r.steps(b.steps)
}

func (r *Renderer) steps(steps []step) error {
	for _, s := range steps {
		if r.turns++; r.turns > maxSteps {
			return &boundError{fmt.Sprintf("the template did not end after %d steps", maxSteps)}
		}
		if err := s(r); err != nil {
			return err
		}
	}
	return nil
}

func (r *Renderer) write(s string) error {
	if left := r.begin + maxOutputBytes - r.out.Len(); len(s) > left {
		r.full = true
		r.out.WriteString(s[:left+1])
		return tooLong()
	}
	r.out.WriteString(s)
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
func (r *Renderer) evaluate(args []operand) ([]any, error) {
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

func (r *Renderer) release(n int) { r.stack = r.stack[:len(r.stack)-n] }

// loop is a translated range: the slots of its variables, what is done at each turn, and what if there is none.
type loop struct {
	slots           []int
	turn, otherwise []step
}

func (r *Renderer) loop(v any, l *loop) error {
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
		if r.turns++; r.turns > maxSteps {
			err = &boundError{fmt.Sprintf("the template did not end after %d steps", maxSteps)}
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
