package template

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"qaserelay/rules/budget"
	"qaserelay/rules/template/funcs"
	"qaserelay/rules/value"
)

// Renderer renders several templates of one message in a row; their texts share memory. Close returns the Renderer to
// a pool. It belongs to one goroutine.
type Renderer struct {
	call  funcs.Context // of the functions that templates call
	dot   any
	vars  []any           // of the template or partial that is being executed, by slot
	out   strings.Builder // the texts so far
	stack []any           // variables, and the arguments of the calls in progress
	done  int             // steps of this template
	start int             // of the text of this template in out
	full  bool            // the output of this template was cut off

	openedAt, emptyAt int // lengths of out behind literal marks of emphasis, and where an action has printed nothing

	held      []held // the values of this template that wait for their places
	heldBytes int
}

// renderers keeps Renderers for reuse, with the memory of their stacks.
var renderers = sync.Pool{New: func() any { return &Renderer{} }}

// NewRenderer returns a Renderer for the variables of one message.
func NewRenderer(c Context) *Renderer {
	r := newRenderer(c)
	r.out.Grow(256) // enough for most messages
	return r
}

func newRenderer(c Context) *Renderer {
	r := renderers.Get().(*Renderer)
	if c.Budget == nil {
		c.Budget = budget.New()
	}
	r.call = funcs.Context{Now: c.Now, Budget: c.Budget}
	r.dot = c.Vars
	return r
}

// Close ends the use of r.
func (r *Renderer) Close() {
	r.dot, r.out, r.call = nil, strings.Builder{}, funcs.Context{}
	r.dropHeld()
	renderers.Put(r)
}

// Render executes one template.
func (r *Renderer) Render(t *Template) (string, error) {
	if t.body == nil {
		return t.static, nil
	}
	r.start, r.done, r.full, r.openedAt = r.out.Len(), 0, false, -1
	r.dropHeld()
	err := r.run(t.body, r.dot)
	text := r.out.String()[r.start:]
	if len(r.held) > 0 && (err == nil || r.full) {
		var failed error
		if text, failed = r.settle(text); failed != nil {
			return "", failed
		}
		r.full = r.full || len(text) > maxOutputBytes
	}
	switch {
	case r.full && t.truncates:
		return funcs.Truncate(text), nil
	case err != nil:
		return "", err
	default:
		return text, nil
	}
}

// dropHeld forgets the values of the template before.
func (r *Renderer) dropHeld() {
	clear(r.held)
	r.held, r.heldBytes = r.held[:0], 0
}

// run executes a body with the given dot and variables of its own.
func (r *Renderer) run(b *body, dot any) error {
	outerDot, outerVars, base := r.dot, r.vars, len(r.stack)
	defer func() { r.dot, r.vars, r.stack = outerDot, outerVars, r.stack[:base] }()
	r.stack = append(r.stack, make([]any, b.slots)...)
	r.dot, r.vars = dot, r.stack[base:base+b.slots:base+b.slots]
	r.vars[0] = dot
	return r.steps(b.steps)
}

func (r *Renderer) steps(steps []step) error {
	for _, s := range steps {
		if err := r.count(); err != nil {
			return err
		}
		if err := s(r); err != nil {
			return err
		}
	}
	return nil
}

// count counts a step against maxSteps.
func (r *Renderer) count() error {
	if r.done++; r.done > maxSteps {
		return fmt.Errorf("the template did not end after %d steps", maxSteps)
	}
	return r.call.Budget.Spend(budget.Step)
}

func (r *Renderer) write(s string) error {
	if left := r.start + maxOutputBytes - r.out.Len(); len(s) > left {
		r.full = true
		r.out.WriteString(s[:left+1])
		return fmt.Errorf("the template prints more than %d bytes", maxOutputBytes)
	}
	if err := r.call.Budget.Spend(len(s)); err != nil {
		return err
	}
	r.out.WriteString(s)
	return nil
}

// marks are the marks of emphasis in Markdown and in Slack's markup.
const marks = "*_~"

// closeMarks returns literal text that begins with marks of emphasis. If nothing was printed since the marks that they
// close, it takes both away, since marks around nothing are shown as text.
func (r *Renderer) closeMarks(text string) (string, error) {
	if r.openedAt != r.out.Len() || r.emptyAt != r.out.Len() {
		return text, nil
	}
	all := r.out.String()
	opening := all[r.start+len(strings.TrimRight(all[r.start:], marks)):]
	closing := []byte(text[:len(text)-len(strings.TrimLeft(text, marks))])
	slices.Reverse(closing)
	kept := strings.TrimSuffix(all, opening)
	if opening != string(closing) || strings.HasSuffix(kept, `\`) {
		return text, nil
	}
	r.out.Reset()
	r.out.WriteString(kept)
	return text[len(closing):], r.call.Budget.Spend(len(kept))
}

// evaluate pushes the values of args on the stack. release pops them.
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

// loop is a compiled range.
type loop struct {
	slots           []int // of the element, or of the key and the element
	each, otherwise []step
}

// loop executes a range over v.
func (r *Renderer) loop(v any, l *loop) error {
	outer := r.dot
	defer func() { r.dot = outer }()
	empty := true
	var err error
	elements(v, func(key, element any) bool {
		empty = false
		r.dot = element
		switch len(l.slots) {
		case 1:
			r.vars[l.slots[0]] = element
		case 2:
			r.vars[l.slots[0]], r.vars[l.slots[1]] = key, element
		}
		if err = r.count(); err != nil {
			return false
		}
		if err = r.steps(l.each); errors.Is(err, errContinue) {
			err = nil
		}
		return err == nil
	})
	if errors.Is(err, errBreak) {
		err = nil
	}
	if empty {
		r.dot = outer
		return r.steps(l.otherwise)
	}
	return err
}

// elements calls yield for the elements of a list, the values of an object in the order of its keys, or the numbers
// below n. Other values have no elements.
func elements(v any, yield func(key, element any) bool) {
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
