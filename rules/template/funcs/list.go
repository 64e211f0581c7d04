package funcs

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"qaserelay/rules/budget"
	"qaserelay/rules/value"
)

// listFuncs are functions of sprig on lists whose results, or whose work, can be larger than their arguments. They know
// the size of a result before they make it.
func listFuncs() map[string]Func {
	return map[string]Func{
		"join":      binaryErr(joinList),
		"sortAlpha": sortAlpha,
		"uniq":      listFunc("uniq", func(list []any) (any, error) { return value.Uniq(list), nil }),
		"without":   without,
		"has":       binary(func(needle, list any) any { return hasElement(list, needle) }),
		"chunk":     binaryErr(chunk),
		"concat":    variadic(concat),
		"append":    binaryErr(func(list, v any) (any, error) { return pushed(list, func(l []any) []any { return append(l, v) }) }),
		"prepend": binaryErr(func(list, v any) (any, error) {
			return pushed(list, func(l []any) []any { return append([]any{v}, l...) })
		}),
		"splitList": splitter(2, func(parts []string) any { return anyList(parts) }),
		"split":     splitter(2, numbered),
		"splitn":    splitter(3, numbered),
	}
}

// asList returns the elements of a list. Nothing is an empty one.
func asList(name string, v any) ([]any, error) {
	list, isList := v.([]any)
	if !isList && v != nil {
		return nil, fmt.Errorf("%s needs a list, not %s", name, value.Describe(v))
	}
	return list, nil
}

// listFunc makes a function of one list. The result for nothing is nothing.
func listFunc(name string, fn func([]any) (any, error)) Func {
	return unaryErr(func(v any) (any, error) {
		list, err := asList(name, v)
		if err != nil || v == nil {
			return nil, err
		}
		return fn(list)
	})
}

func anyList(texts []string) []any {
	list := make([]any, len(texts))
	for i, text := range texts {
		list[i] = text
	}
	return list
}

// joinList is join SEPARATOR LIST.
func joinList(separator, v any) (any, error) {
	list, isList := v.([]any)
	if !isList {
		return bounded(value.PlainText(v))
	}
	between, size := value.PlainText(separator), 0
	texts := make([]string, 0, len(list))
	for _, element := range list {
		if element == nil { // as sprig
			continue
		}
		text := value.PlainText(element)
		if size += len(text) + len(between); size-len(between) > MaxBytes {
			return nil, errTooLong
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, between), nil
}

// sortAlpha sorts the texts of a list.
func sortAlpha(c *Context, args []any) (any, error) {
	if len(args) != 1 {
		return nil, fmt.Errorf("got %d arguments, want 1", len(args))
	}
	list, isList := args[0].([]any)
	if !isList {
		return []any{value.PlainText(args[0])}, nil
	}
	compared := budget.Product(budget.Weight(list, c.Budget.Left()), bits.Len(uint(len(list))))
	if err := c.Budget.Spend(compared); err != nil {
		return nil, err
	}
	texts := make([]string, len(list))
	for i, element := range list {
		texts[i] = value.PlainText(element)
	}
	slices.Sort(texts)
	return anyList(texts), nil
}

// without returns the elements of a list that equal none of the other arguments.
func without(_ *Context, args []any) (any, error) {
	if len(args) == 0 {
		return nil, errors.New("without needs a list")
	}
	list, err := asList("without", args[0])
	if err != nil || args[0] == nil {
		return nil, err
	}
	omitted := map[any]bool{}
	for _, v := range args[1:] {
		omitted[value.Identity(v)] = true
	}
	return slices.DeleteFunc(slices.Clone(list), func(v any) bool { return omitted[value.Identity(v)] }), nil
}

// hasElement reports whether a list has an element that equals needle.
func hasElement(list, needle any) bool {
	elements, _ := list.([]any)
	return slices.ContainsFunc(elements, func(v any) bool { return equal(v, needle) })
}

// chunk splits a list into lists of a size.
func chunk(size, v any) (any, error) {
	list, err := asList("chunk", v)
	if err != nil || v == nil {
		return nil, err
	}
	n := int(toNumber(size))
	if n < 1 {
		return nil, fmt.Errorf("chunk needs a size of 1 or more, not %s", value.PlainText(size))
	}
	chunks := []any{}
	for part := range slices.Chunk(list, n) {
		chunks = append(chunks, slices.Clone(part))
	}
	return chunks, nil
}

func concat(args []any) (any, error) {
	all := []any{}
	for _, arg := range args {
		list, err := asList("concat", arg)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

func pushed(v any, push func([]any) []any) (any, error) {
	list, err := asList("append and prepend", v)
	if err != nil || v == nil {
		return nil, err
	}
	return push(slices.Clone(list)), nil
}

// splitter makes a function that splits its last argument at its first. The one in the middle, if there are three, is
// the largest number of parts.
func splitter(n int, result func([]string) any) Func {
	return func(c *Context, args []any) (any, error) {
		if len(args) != n {
			return nil, fmt.Errorf("got %d arguments, want %d", len(args), n)
		}
		separator, text := value.PlainText(args[0]), value.PlainText(args[n-1])
		parts, most := strings.Count(text, separator)+1, -1
		if n == 3 {
			if most = int(toNumber(args[1])); most >= 0 {
				parts = min(parts, most)
			}
		}
		if err := c.Budget.Spend(budget.Product(parts, 8*budget.Step)); err != nil {
			return nil, err
		}
		return result(strings.SplitN(text, separator, most)), nil
	}
}

// numbered returns the parts of a text as an object with the keys _0, _1 and so on.
func numbered(parts []string) any {
	object := make(map[string]any, len(parts))
	for i, part := range parts {
		object["_"+strconv.Itoa(i)] = part
	}
	return object
}
