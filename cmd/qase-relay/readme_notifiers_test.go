package main

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/builtin"
)

// The table of notifiers has a row for each type, which names each key, and no other in its columns of keys.
func TestTheReadmeNamesEachNotifierAndItsKeys(t *testing.T) {
	rows := notifierRows(t)
	for _, k := range builtin.Kinds() {
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

func TestTheReadmeSaysHowFastEachNotifierIs(t *testing.T) {
	for _, k := range builtin.Kinds() {
		if k.Rate.Messages > 0 && !rateIn(readmeRow(t, "rate"), k) {
			t.Errorf("rate: %s has another one: %+v", k.Type, k.Rate)
		}
		if want := fmt.Sprintf("`%s` %d", k.Type, k.Rate.Burst); k.Rate.Burst > 1 && !strings.Contains(readmeRow(t, "burst"), want) {
			t.Errorf("burst: there is no %s", want)
		}
		others := k.Concurrency == 2
		if row := readmeRow(t, "concurrency"); !others && !regexp.MustCompile("`"+k.Type+"`[^0-9]* "+strconv.Itoa(k.Concurrency)+`\b`).MatchString(row) {
			t.Errorf("concurrency: %s has %d", k.Type, k.Concurrency)
		}
	}
}

// rateIn reports whether the row says the rate of a kind, in a second or in a minute.
func rateIn(row string, k notifiers.Kind) bool {
	in := func(per time.Duration, unit string) bool {
		n := time.Duration(k.Rate.Messages) * per / k.Rate.Per
		return strings.Contains(row, fmt.Sprintf("`%s` `%d/%s`", k.Type, n, unit))
	}
	return in(time.Second, "s") || in(time.Minute, "m")
}

// readmeRow returns the row of a table about a key that any notifier may have.
func readmeRow(t *testing.T, key string) string {
	t.Helper()
	_, section, _ := strings.Cut(readme(t), "## Notifiers")
	_, row, found := strings.Cut(section, "\n| `"+key+"` |")
	if !found {
		t.Fatalf("no row for %s", key)
	}
	row, _, _ = strings.Cut(row, "\n")
	return row
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
