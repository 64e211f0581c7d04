package qaseapi

import (
	"encoding/json"
	"errors"
	"io"
	"strconv"

	"qaserelay/rules/value"
)

// Limits of an answer.
const (
	// maxAnswerBytes is how much of an answer is kept in memory at most while it is read.
	maxAnswerBytes = 16 << 20
	// maxSentBytes is how much of an answer is read at all: what long texts have beyond maxTextBytes is not kept.
	maxSentBytes = 64 << 20
	// maxTextBytes is the length to which each text is truncated while it is read.
	maxTextBytes = 8 << 10
	// maxDepth is how deep lists and objects may stand in each other.
	maxDepth = 64
)

// The errors of answers that cannot be read.
var (
	errTooLong = errors.New("the answer is too long")
	errTooDeep = errors.New("the answer is nested too deeply")
)

// shortening is a reader of JSON that truncates its texts, so that a stack trace costs only the memory of its
// beginning.
type shortening struct {
	from       io.Reader
	kept, sent int64
	depth      int
	inText     bool
	length     int // bytes of the present text
	escape     int // hexadecimal digits to come of an escape sequence; afterBackslash right behind its beginning
}

// afterBackslash is the state between a backslash and the character behind it.
const afterBackslash = -1

// Read implements [io.Reader].
func (s *shortening) Read(p []byte) (int, error) {
	for {
		n, err := s.from.Read(p)
		kept := s.shorten(p[:n])
		s.kept, s.sent = s.kept+int64(kept), s.sent+int64(n)
		switch {
		case s.depth > maxDepth:
			return kept, errTooDeep
		case s.kept > maxAnswerBytes || s.sent > maxSentBytes:
			return kept, errTooLong
		case kept > 0 || err != nil || len(p) == 0:
			return kept, err
		}
	}
}

// shorten moves the bytes that are kept to the front, and returns their number.
func (s *shortening) shorten(p []byte) int {
	kept := 0
	for _, b := range p {
		if s.keeps(b) {
			p[kept] = b
			kept++
		}
	}
	return kept
}

// keeps takes the next byte, and reports whether it is kept.
func (s *shortening) keeps(b byte) bool {
	if !s.inText {
		switch b {
		case '"':
			s.inText, s.length = true, 0
		case '{', '[':
			s.depth++
		case '}', ']':
			s.depth--
		}
		return true
	}
	drop := s.length >= maxTextBytes
	switch {
	case s.escape == afterBackslash && b == 'u':
		s.escape = 4
	case s.escape == afterBackslash:
		s.escape = 0
	case s.escape > 0:
		s.escape--
	case b == '\\':
		s.escape = afterBackslash
	case b == '"':
		s.inText = false
		return true
	}
	if s.escape == 0 || drop { // a sequence is kept or dropped as a whole
		s.length++
	}
	return !drop
}

// stream reads JSON piece by piece, so that an answer is never in memory as a whole.
type stream struct{ *json.Decoder }

func newStream(r io.Reader) stream {
	d := json.NewDecoder(&shortening{from: r})
	d.UseNumber()
	return stream{d}
}

// object reads a value, and calls field for each key if it is an object. field has to read the value of the key.
// Anything else is skipped: an empty object may come as an empty list.
func (s stream) object(field func(key string) error) error {
	t, err := s.Token()
	if err != nil || t != json.Delim('{') {
		return s.leave(t, err)
	}
	return s.fields(field)
}

// fields reads the rest of an object whose beginning was read.
func (s stream) fields(field func(key string) error) error {
	for s.More() {
		key, err := s.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string)
		if err := field(name); err != nil {
			return err
		}
	}
	_, err := s.Token()
	return err
}

// list reads a value, and calls element for each element if it is a list. element has to read it. Anything else is
// skipped.
func (s stream) list(element func() error) error {
	t, err := s.Token()
	if err != nil || t != json.Delim('[') {
		return s.leave(t, err)
	}
	for s.More() {
		if err := element(); err != nil {
			return err
		}
	}
	_, err = s.Token()
	return err
}

// skip reads a value and forgets it.
func (s stream) skip() error { return s.leave(s.Token()) }

// leave reads the rest of a value whose first token is given.
func (s stream) leave(t json.Token, err error) error {
	depth := 0
	for {
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth <= 0 {
			return nil
		}
		t, err = s.Token()
	}
}

// scalar reads a value: a text, a [json.Number], a bool, or nil for anything else.
func (s stream) scalar() (any, error) {
	t, err := s.Token()
	if _, compound := t.(json.Delim); compound || err != nil {
		return nil, s.leave(t, err)
	}
	return t, nil
}

// text reads a text or a number as text. Anything else is none.
func (s stream) text(to *string) error {
	v, err := s.scalar()
	switch v := v.(type) {
	case string:
		*to = v
	case json.Number:
		*to = v.String()
	}
	return err
}

// number reads a whole number, or a text that holds one. Anything else is none.
func (s stream) number(to *int) error {
	var text string
	err := s.text(&text)
	if n, bad := strconv.Atoi(text); bad == nil {
		*to = n
	}
	return err
}

// flag reads a bool, or a number that is 0 or 1.
func (s stream) flag(to *bool) error {
	v, err := s.scalar()
	switch v := v.(type) {
	case bool:
		*to = v
	case json.Number:
		*to = v != "0"
	case string:
		*to = v == "1" || v == "true"
	}
	return err
}

// seconds reads a time as Unix seconds: with an offset, or without one as older answers have it. Anything else is none.
func (s stream) seconds(to *int64) error {
	v, err := s.scalar()
	if n, isNumber := v.(json.Number); isNumber {
		v = value.Number(n.String())
	}
	if t, isTime := value.Time(v); isTime && t.Unix() > 0 {
		*to = t.Unix()
	}
	return err
}

// either reads a text, or an object whose fields are read by field.
func (s stream) either(text *string, field func(key string) error) error {
	t, err := s.Token()
	if name, isText := t.(string); isText {
		*text = name
	}
	if err != nil || t != json.Delim('{') {
		return s.leave(t, err)
	}
	return s.fields(field)
}
