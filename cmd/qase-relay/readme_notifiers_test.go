package main

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"qaserelay/notifiers"
)

// The table of notifiers has a row for each type, which names each key, and no other in its columns of keys.
func TestTheReadmeNamesEachNotifierAndItsKeys(t *testing.T) {
	rows := notifierRows(t)
	for _, k := range notifiers.Builtin() {
		row, found := rows[k.Type]
		if !found {
			t.Errorf("no row for %s", k.Type)
			continue
		}
		config, options := yamlKeys(k.Config()), yamlKeys(k.Options)
		for i, column := range row[:2] {
			for _, key := range codeIn(column) {
				if !slices.Contains(options, key) && (i > 0 || !slices.Contains(config, key)) {
					t.Errorf("%s: there is no %s", k.Type, key)
				}
			}
		}
		for _, key := range options {
			if !slices.Contains(codeIn(row[1]), key) {
				t.Errorf("%s: the option %s is not named", k.Type, key)
			}
		}
		for _, key := range config {
			if !regexp.MustCompile(`\b`+key+`\b`).MatchString(strings.Join(row, " ")) && key != "timeout" {
				t.Errorf("%s: the key %s is not named", k.Type, key)
			}
		}
		delete(rows, k.Type)
	}
	for name := range rows {
		t.Errorf("there is no type %s", name)
	}
}

// notifierRows returns the columns of the table behind the first one, by type.
func notifierRows(t *testing.T) map[string][]string {
	t.Helper()
	_, section, _ := strings.Cut(readme(t), "## Notifiers")
	_, section, _ = strings.Cut(section, "|---|---|---|---|\n")
	section, _, _ = strings.Cut(section, "\n\n")
	rows := map[string][]string{}
	for line := range strings.Lines(section) {
		line = strings.ReplaceAll(line, `\|`, "/")
		columns := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(columns) != 4 {
			t.Fatalf("a row of %d columns: %s", len(columns), line)
		}
		rows[strings.Trim(columns[0], " `")] = columns[1:]
	}
	return rows
}

// codeIn lists what stands in backquotes.
func codeIn(text string) (words []string) {
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(text, -1) {
		words = append(words, m[1])
	}
	return words
}

// yamlKeys lists the keys of a struct, or of what a pointer leads to.
func yamlKeys(v any) (keys []string) {
	t := reflect.TypeOf(v)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	for _, f := range reflect.VisibleFields(t) {
		if key, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); key != "" && key != "-" {
			keys = append(keys, key)
		}
	}
	return keys
}
