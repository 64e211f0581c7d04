package notifiers

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// Refusing returns the Refuse function of a kind whose remarks on merged message options are those of remarks. It adds a
// remark on a destination that a message leaves empty, so that the one of the notifier holds (see [MergeOptions]).
func Refusing[Config, Options any](remarks func(Config, Options) []Advice,
) func(config any, defaults, own json.RawMessage) []Advice {
	return func(config any, defaults, own json.RawMessage) []Advice {
		o, err := MergeOptions[Options](defaults, own)
		if err != nil {
			return []Advice{{Wrong: true, Message: err.Error()}}
		}
		return append(emptyDestinations[Options](defaults, own), remarks(*config.(*Config), o)...)
	}
}

// Refused returns the error of a message that the service can only refuse: that of the first Wrong remark. It is nil if
// there is none.
func Refused(remarks []Advice) error {
	for _, a := range remarks {
		if a.Wrong {
			return &PermanentError{Err: errors.New(a.String())}
		}
	}
	return nil
}

// String returns the option with the message and its hint.
func (a Advice) String() string {
	text := a.Message
	if len(a.Path) > 0 {
		text = a.Path[0] + ": " + text
	}
	if a.Hint == "" {
		return text
	}
	return text + "; " + a.Hint
}

// Unfit is the remark that the service can only refuse the value of an option, which fault completes: "is not …". hint
// tells what to write.
func Unfit(option, value, fault, hint string) Advice {
	return Advice{Path: []string{option}, Wrong: true, Hint: hint,
		Message: `"` + Cut(OneLine(value), 100) + `" ` + fault}
}

// Faults returns the Wrong remarks on the message options of a notifier as faults of its settings.
func Faults(remarks []Advice) error {
	var faults []error
	for _, a := range remarks {
		if a.Wrong {
			faults = append(faults, &FieldError{a.Path[0], errors.New(strings.TrimPrefix(a.String(), a.Path[0]+": "))})
		}
	}
	return errors.Join(faults...)
}

// fallsBack reports whether an empty text of a message leaves this option to the notifier. Such options are tagged
// empty:"inherit".
func fallsBack(f reflect.StructField) bool { return f.Tag.Get("empty") == "inherit" }

// restoreDestinations sets the destinations that a message leaves empty to those of the notifier.
func restoreDestinations(merged, defaults any) {
	to, from := reflect.ValueOf(merged).Elem(), reflect.ValueOf(defaults)
	if to.Kind() != reflect.Struct {
		return
	}
	for i := range to.NumField() {
		if fallsBack(to.Type().Field(i)) && isBlank(to.Field(i)) {
			to.Field(i).Set(from.Field(i))
		}
	}
}

func isBlank(text reflect.Value) bool { return strings.TrimSpace(text.String()) == "" }

// emptyDestinations returns remarks on the destinations that a message leaves empty, and that the notifier has.
func emptyDestinations[Options any](defaults, own json.RawMessage) (all []Advice) {
	var given map[string]any
	if json.Unmarshal(own, &given) != nil {
		return nil
	}
	theirs, err := MergeOptions[Options](nil, defaults)
	if err != nil {
		return nil
	}
	v := reflect.ValueOf(theirs)
	for i := range v.NumField() {
		key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		text, isText := given[key].(string)
		if !fallsBack(v.Type().Field(i)) || !isText || strings.TrimSpace(text) != "" || isBlank(v.Field(i)) {
			continue
		}
		all = append(all, Advice{Path: []string{key}, Message: "it is empty, so that of the notifier holds",
			Hint: fmt.Sprintf(`give it a default, such as {{ … | default "%s" }}`, v.Field(i).String())})
	}
	return all
}
