package rules

// JSONReader reads JSON of a known form from its front to its end, several times faster than encoding/json. It takes what that does. After an error, whatever
// was read means nothing.
type JSONReader struct{ d jsonDecoder }

// NewJSONReader returns a reader of text, which must not change meanwhile.
func NewJSONReader(text []byte) *JSONReader {
	return &JSONReader{jsonDecoder{text: text, known: fieldNames()}}
}

// Object reads an object: it calls member with each key, to read the value.
func (r *JSONReader) Object(member func(key string) error) error {
	if r.d.next() != '{' {
		return r.d.fault("this is no object")
	}
	return r.d.members(member)
}

// List reads an array: it calls element in front of each element, to read it.
func (r *JSONReader) List(element func() error) error {
	if r.d.next() != '[' {
		return r.d.fault("this is no list")
	}
	return r.d.elements(element)
}

// Text reads a string.
func (r *JSONReader) Text() (string, error) {
	if r.d.next() != '"' {
		return "", r.d.fault("this is no text")
	}
	return r.d.string()
}

// Raw reads a value of any type and returns it as it is written.
func (r *JSONReader) Raw() ([]byte, error) {
	r.d.space()
	start := r.d.at
	_, err := r.d.value(0)
	return r.d.text[start:r.d.at], err
}

// End returns an error if there is more than space left.
func (r *JSONReader) End() error { return r.d.end() }
