package notifiers

import (
	"log/slog"

	"qaserelay/rules/message"
)

// Hidden replaces a value that may be secret.
const Hidden = message.Hidden

// Secret is a value that must not be printed. It is held behind a pointer, so that no formatting verb, encoder or
// log handler can reach it by reflection; only Value gives it away. The zero value is an unset secret.
type Secret struct{ value *string }

// NewSecret wraps value.
func NewSecret(value string) Secret { return Secret{&value} }

// Value returns the secret itself.
func (s Secret) Value() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsSet reports whether there is a value that is not empty.
func (s Secret) IsSet() bool { return s.Value() != "" }

// IsGiven reports whether there is a value, which may be empty.
func (s Secret) IsGiven() bool { return s.value != nil }

// UnmarshalText takes text as the secret.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}

// MarshalText hides the secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String hides the secret.
func (s Secret) String() string {
	if !s.IsSet() {
		return ""
	}
	return Hidden
}

// GoString hides the secret.
func (s Secret) GoString() string { return "notifiers.Secret(" + s.String() + ")" }

// LogValue hides the secret.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
