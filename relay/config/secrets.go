package config

import (
	"reflect"

	"qaserelay/notifiers"
	"qaserelay/notifiers/redact"
	"qaserelay/rules/rulefile"
)

// Hide returns a text of others without the secrets of the configuration: tokens of sources, and what notifiers keep as
// secret. The secrets of webhooks are not among them, since only their digests are kept.
func (c *Config) Hide(text string) string {
	if c.secrets == nil {
		return text
	}
	return c.secrets().Hide(text)
}

// minHidden is the length of the shortest secret that is hidden in texts of others: a password of few letters may be a
// word.
const minHidden = 8

// secretsOf collects the secrets of a configuration.
func secretsOf(cfg *rulefile.Config) redact.Secrets {
	var all []string
	add := func(secret string) {
		if len(secret) >= minHidden {
			all = append(all, secret)
		}
	}
	for i := range cfg.Sources {
		add(cfg.Sources[i].APIToken())
	}
	for _, n := range cfg.Notifiers {
		eachSecret(reflect.ValueOf(n.Config), add)
	}
	return redact.New(all...)
}

// eachSecret calls add with each secret within a configuration. Those that are addresses give their passwords too.
func eachSecret(v reflect.Value, add func(string)) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			eachSecret(v.Elem(), add)
		}
	case reflect.Struct:
		if secret, is := asSecret(v); is {
			add(secret.Value())
			add(redact.Password(secret.Value()))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				eachSecret(v.Field(i), add)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			eachSecret(v.Index(i), add)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			eachSecret(v.MapIndex(key), add)
		}
	}
}

func asSecret(v reflect.Value) (secret notifiers.Secret, is bool) {
	if !v.CanInterface() {
		return secret, false
	}
	secret, is = v.Interface().(notifiers.Secret)
	return secret, is
}
