package funcs

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/Masterminds/sprig/v3"

	"qaserelay/rules/value"
)

// sprigNames are the functions taken from sprig: pure ones, whose results are at most a small multiple of their
// arguments. Functions that messages use often, or that count bytes in sprig, are written in this package.
const sprigNames = `untitle trimSuffix trimPrefix nospace swapcase snakecase camelcase kebabcase quote squote toStrings
	all any compact b64enc b64dec sha256sum dict get hasKey pluck keys pick omit values first rest last initial reverse
	typeOf deepEqual`

func sprigFuncs() map[string]Func {
	all := sprig.HermeticTxtFuncMap()
	funcs := map[string]Func{}
	for _, name := range strings.Fields(sprigNames) {
		funcs[name] = adapt(all[name])
	}
	return funcs
}

// adapt makes a Go function of any signature a Func. It converts numbers, and any value to text, as the parameters
// need. An error or panic of a call with a nil argument becomes the result nil.
func adapt(fn any) Func {
	f := reflect.ValueOf(fn)
	return func(_ *Context, args []any) (result any, err error) {
		hasNil := slices.Contains(args, nil)
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("%v", p)
			}
			if err != nil && hasNil {
				result, err = nil, nil
			}
		}()
		if n := f.Type().NumIn(); len(args) < n-1 || !f.Type().IsVariadic() && len(args) != n {
			return nil, fmt.Errorf("got %d arguments, want %d", len(args), n)
		}
		in := make([]reflect.Value, len(args))
		for i, arg := range args {
			in[i] = argument(parameter(f.Type(), i), arg)
		}
		out := f.Call(in)
		if len(out) == 2 && !out[1].IsNil() {
			return nil, out[1].Interface().(error)
		}
		return plainValue(out[0])
	}
}

// parameter returns the type of the i-th parameter of a function.
func parameter(f reflect.Type, i int) reflect.Type {
	last := f.NumIn() - 1
	switch {
	case f.IsVariadic() && i >= last:
		return f.In(last).Elem()
	case i <= last:
		return f.In(i)
	}
	return reflect.TypeFor[any]()
}

// argument converts arg to a value for a parameter of type t. It panics if that is not possible.
func argument(t reflect.Type, arg any) reflect.Value {
	v := reflect.ValueOf(arg)
	switch {
	case !v.IsValid():
		return reflect.Zero(t)
	case v.Type().AssignableTo(t):
		return v
	case t.Kind() == reflect.String:
		return reflect.ValueOf(value.PlainText(arg))
	case isNumeric(v.Kind()) && isNumeric(t.Kind()):
		return v.Convert(t)
	}
	panic(fmt.Sprintf("got %s where %s is needed", value.Describe(arg), t))
}

func isNumeric(k reflect.Kind) bool { return reflect.Int <= k && k <= reflect.Float64 }

// plainValue converts the result of a function to the types that templates work with.
func plainValue(v reflect.Value) (any, error) {
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Invalid:
		return nil, nil
	case reflect.String:
		return bounded(v.String())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if _, named := v.Interface().(fmt.Stringer); named {
			return v.Interface(), nil // such as a weekday, which is printed by its name
		}
		return int(v.Int()), nil
	case reflect.Slice:
		if list, plain := v.Interface().([]any); plain {
			return list, nil
		}
		list := make([]any, v.Len())
		for i := range list {
			list[i] = v.Index(i).Interface()
		}
		return list, nil
	}
	return v.Interface(), nil
}
