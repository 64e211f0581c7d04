package value

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxDepth is the number of levels to which objects and arrays can be nested.
const maxDepth = 64

// DecodeJSON decodes a JSON text into nil, bool, int, float64, string, []any and map[string]any. It accepts the texts
// that encoding/json accepts, up to maxDepth: invalid UTF-8 and lone surrogates become U+FFFD, and the last of repeated
// keys counts. Texts are in Unicode's form NFC, so that two of the same look are equal.
//
// It is in place of encoding/json because each event and each stored state is decoded on the way in: a decoder with
// UseNumber, and a walk that converts the numbers, raised the processor time of an accepted event by 12 %
// (BenchmarkDecodeJSON: twice the time and four times the allocations).
func DecodeJSON(text []byte) (any, error) {
	d := &decoder{text: text, all: string(text)}
	if d.next() == 0 && d.at == len(text) {
		return nil, errors.New("it is empty")
	}
	v, err := d.value(0)
	if err != nil {
		return nil, err
	}
	if d.skipSpace(); d.at < len(d.text) {
		return nil, d.unexpected("something follows the end of it")
	}
	return v, nil
}

// DecodeObject decodes the body of a request, which has to be an object.
func DecodeObject(body []byte) (map[string]any, error) {
	v, err := DecodeJSON(body)
	if err != nil {
		return nil, fmt.Errorf("the body is not JSON: %w", err)
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the body is %s, want an object in JSON", Describe(v))
	}
	return object, nil
}

var (
	errTruncated = errors.New("it ends in the middle")
	errNotJSON   = errors.New("it does not begin like JSON") // such as HTML or plain words
)

// decoder reads a text from its front to its end. An event of 1 MB may hold hundreds of thousands of values, so texts
// are parts of one copy of it, and lists and objects are made in their final size (TestALargeEventIsCheapToDecode).
type decoder struct {
	text   []byte
	all    string // text
	at     int
	values []any // of the lists and objects that are being read, the innermost last
	keys   []string
}

// sharedDepth is the depth from which on empty lists and objects are the same one, so that many need no memory: within
// the fields of a payload. Nothing writes to them there.
const sharedDepth = 3

var emptyList, emptyObject any = []any{}, map[string]any{}

// push appends a value to those that are being read.
func (d *decoder) push(v any) {
	if len(d.values) == cap(d.values) {
		d.values = slices.Grow(d.values, d.growth(len(d.values)))
	}
	d.values = append(d.values, v)
}

// growth returns how many values to make room for behind n. There are no more than commas and brackets that open.
func (d *decoder) growth(n int) int {
	if n < 256 {
		return 16 + n
	}
	rest := d.text[min(d.at, len(d.text)):]
	most := bytes.Count(rest, []byte{','}) + bytes.Count(rest, []byte{'['}) + bytes.Count(rest, []byte{'{'}) + 1
	return min(most, 8*n)
}

// unexpected returns an error about the next character.
func (d *decoder) unexpected(message string) error {
	if d.at >= len(d.text) {
		return errTruncated
	}
	r, _ := utf8.DecodeRune(d.text[d.at:])
	return fmt.Errorf("%s: %q (at byte %d)", message, r, d.at+1)
}

func (d *decoder) skipSpace() {
	for d.at < len(d.text) {
		switch d.text[d.at] {
		case ' ', '\t', '\n', '\r':
			d.at++
		default:
			return
		}
	}
}

// next skips space and returns the next character, or 0 at the end.
func (d *decoder) next() byte {
	d.skipSpace()
	if d.at < len(d.text) {
		return d.text[d.at]
	}
	return 0
}

func (d *decoder) value(depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("it is nested more than %d levels deep", maxDepth)
	}
	switch c := d.next(); {
	case c == '{':
		return d.object(depth)
	case c == '[':
		return d.array(depth)
	case c == '"':
		return d.string()
	case c == 't':
		return true, d.literal("true")
	case c == 'f':
		return false, d.literal("false")
	case c == 'n':
		return nil, d.literal("null")
	case c == '-' || '0' <= c && c <= '9':
		return d.number()
	}
	if d.at < len(d.text) && d.isFirst(d.at) {
		return nil, errNotJSON
	}
	return nil, d.unexpected("a value cannot begin like this")
}

// isFirst reports whether only space is in front of a byte.
func (d *decoder) isFirst(at int) bool { return len(bytes.TrimSpace(d.text[:at])) == 0 }

func (d *decoder) literal(word string) error {
	start := d.at
	for i := range len(word) {
		if d.at < len(d.text) && d.text[d.at] != word[i] && d.isFirst(start) {
			return errNotJSON
		}
		if d.at >= len(d.text) || d.text[d.at] != word[i] {
			return d.unexpected("this is not " + word)
		}
		d.at++
	}
	return nil
}

func (d *decoder) object(depth int) (any, error) {
	if d.isEmpty('}') {
		if depth < sharedDepth { // callers may write to the outer ones
			return map[string]any{}, nil
		}
		return emptyObject, nil
	}
	values, keys := len(d.values), len(d.keys)
	for done := false; !done; {
		if d.next() != '"' {
			return nil, d.unexpected("a key must be text in double quotes")
		}
		key, err := d.string()
		if err != nil {
			return nil, err
		}
		if d.next() != ':' {
			return nil, d.unexpected("a colon must follow a key")
		}
		d.at++
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		if d.push(v); len(d.keys) == cap(d.keys) {
			d.keys = slices.Grow(d.keys, d.growth(len(d.keys)))
		}
		d.keys = append(d.keys, key)
		if done, err = d.separator('}'); err != nil {
			return nil, err
		}
	}
	object := make(map[string]any, len(d.keys)-keys)
	for i, key := range d.keys[keys:] {
		object[key] = d.values[values+i]
	}
	d.values, d.keys = d.values[:values], d.keys[:keys]
	return object, nil
}

func (d *decoder) array(depth int) (any, error) {
	if d.isEmpty(']') {
		return emptyList, nil
	}
	first := len(d.values)
	for done := false; !done; {
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		d.push(v)
		if done, err = d.separator(']'); err != nil {
			return nil, err
		}
	}
	list := slices.Clone(d.values[first:])
	d.values = d.values[:first]
	return slices.Clip(list), nil
}

// isEmpty reads the first character of an object or array, and its end if it is empty.
func (d *decoder) isEmpty(end byte) bool {
	d.at++
	if d.next() != end {
		return false
	}
	d.at++
	return true
}

// separator reads a comma, or the end of an object or array.
func (d *decoder) separator(end byte) (done bool, err error) {
	switch d.next() {
	case ',':
		d.at++
		return false, nil
	case end:
		d.at++
		return true, nil
	}
	return false, d.unexpected("a comma or " + string(end) + " must follow a value")
}

// string reads a text in quotes.
func (d *decoder) string() (string, error) {
	start := d.at
	plain := true
	for d.at++; d.at < len(d.text); d.at++ {
		switch c := d.text[d.at]; {
		case c == '"':
			d.at++
			if plain {
				return d.all[start+1 : d.at-1], nil
			}
			return d.unquote(d.text[start:d.at])
		case c == '\\':
			plain = false
			d.at++
		case c < 0x20:
			return "", d.unexpected("a control character within text must be escaped")
		case c >= utf8.RuneSelf:
			plain = false
		}
	}
	return "", errTruncated
}

// unquote leaves unusual escapes and invalid UTF-8 to encoding/json.
func (d *decoder) unquote(quoted []byte) (string, error) {
	inner := quoted[1 : len(quoted)-1]
	if s, ok := unescape(inner); ok {
		return norm.NFC.String(s), nil
	}
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		return "", fmt.Errorf("text before byte %d has an invalid escape", d.at+1)
	}
	return norm.NFC.String(s), nil
}

// unescape replaces escapes of one letter. It returns false for others, and for invalid UTF-8.
func unescape(inner []byte) (string, bool) {
	out := make([]byte, 0, len(inner))
	for len(inner) > 0 {
		n := bytes.IndexByte(inner, '\\')
		if n < 0 {
			out = append(out, inner...)
			break
		}
		of := strings.IndexByte(`"\/nrt`, inner[n+1])
		if of < 0 {
			return "", false
		}
		out = append(append(out, inner[:n]...), "\"\\/\n\r\t"[of])
		inner = inner[n+2:]
	}
	return string(out), utf8.Valid(out)
}

// number reads a number: -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
func (d *decoder) number() (any, error) {
	start := d.at
	if d.text[d.at] == '-' {
		d.at++
	}
	first := d.at
	if n := d.digits(); n == 0 || n > 1 && d.text[first] == '0' {
		d.at = min(first+1, len(d.text))
		return nil, d.unexpected("a number cannot be written like this")
	}
	whole := true
	if d.at < len(d.text) && d.text[d.at] == '.' {
		whole = false
		d.at++
		if d.digits() == 0 {
			return nil, d.unexpected("digits must follow the point")
		}
	}
	if d.at < len(d.text) && (d.text[d.at] == 'e' || d.text[d.at] == 'E') {
		whole = false
		d.at++
		if d.at < len(d.text) && (d.text[d.at] == '+' || d.text[d.at] == '-') {
			d.at++
		}
		if d.digits() == 0 {
			return nil, d.unexpected("digits must follow the exponent")
		}
	}
	if text := d.text[start:d.at]; whole && len(text) < 18 {
		n, err := strconv.Atoi(d.all[start:d.at])
		return n, err
	}
	return Number(d.all[start:d.at]), nil
}

func (d *decoder) digits() int {
	start := d.at
	for d.at < len(d.text) && '0' <= d.text[d.at] && d.text[d.at] <= '9' {
		d.at++
	}
	return d.at - start
}

// Normalized returns an object with the types of numbers that decoded ones have.
func Normalized(object map[string]any) map[string]any {
	if object == nil {
		return nil
	}
	same, err := DecodeObject(AppendJSON(nil, object))
	if err != nil {
		return object
	}
	return same
}
