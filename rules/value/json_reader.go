package value

// JSONReader reads JSON of a known form from its front to its end, several times faster than encoding/json. It takes what that does, but for null in place of
// a string, an object or an array. After an error, whatever
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
	if _, err := r.d.value(0); err != nil {
		return nil, err
	}
	return r.d.text[start:r.d.at], nil
}

// End returns an error if there is more than space left.
func (r *JSONReader) End() error { return r.d.end() }

// members calls member with each key of an object, to read its value.
func (d *jsonDecoder) members(member func(key string) error) error {
	if d.at++; d.next() == '}' {
		d.at++
		return nil
	}
	for {
		if d.next() != '"' {
			return d.fault("a key must be text in double quotes")
		}
		key, err := d.string()
		if err != nil {
			return err
		}
		if d.next() != ':' {
			return d.fault("a colon must follow a key")
		}
		d.at++
		if err := member(key); err != nil {
			return err
		}
		if done, err := d.separator('}'); done || err != nil {
			return err
		}
	}
}

// elements calls element in front of each element of an array, to read it.
func (d *jsonDecoder) elements(element func() error) error {
	if d.at++; d.next() == ']' {
		d.at++
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		if done, err := d.separator(']'); done || err != nil {
			return err
		}
	}
}
