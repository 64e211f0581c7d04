package main

import (
	"cmp"
	"fmt"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/builtin"
	"qaserelay/rules/rulefile/rulefiletest"
)

// TestTheReadmeDescribesEachNotifier compares the tables of notifiers in the README with the kinds. -update writes
// them.
func TestTheReadmeDescribesEachNotifier(t *testing.T) {
	before, section, _ := strings.Cut(readme(t), "## Notifiers")
	const head = "|---|---|---|---|\n"
	title, rest, found := strings.Cut(section, head)
	_, rest, ended := strings.Cut(rest, "\n\n")
	if !found || !ended {
		t.Fatal("the README has no table of notifiers")
	}
	var rows strings.Builder
	for _, k := range builtin.Kinds() {
		rows.WriteString(notifierRow(k))
	}
	rest = withCell(rest, "concurrency", 3, concurrencies())
	rest = withCell(rest, "rate", 3, rates())
	rest = withCell(rest, "burst", 3, bursts())
	want := before + "## Notifiers" + title + head + rows.String() + "\n" + rest
	rulefiletest.Golden(t, filepath.Join(root(), "README.md"), want)
}

// notifierRow returns the row of a kind in the table of notifiers.
func notifierRow(k notifiers.Kind) string {
	options := yamlKeys(k.Options)
	for i, key := range options {
		options[i] = "`" + key + "`"
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s |\n", k.Type, k.Needs, strings.Join(options, ", "), k.Notes)
}

// withCell replaces a cell in the row of a key that any notifier may have.
func withCell(text, key string, cell int, value string) string {
	row := regexp.MustCompile("(?m)^\\| `" + key + "` \\|.*$").FindString(text)
	cells := strings.Split(row, " | ")
	if len(cells) < cell {
		return text
	}
	return strings.Replace(text, row, strings.Join(cells[:cell-1], " | ")+" | "+value+" |", 1)
}

// concurrencies returns the kinds by their concurrency, the greatest first.
func concurrencies() string {
	types := map[int][]string{}
	for _, k := range builtin.Kinds() {
		types[k.Concurrency] = append(types[k.Concurrency], "`"+k.Type+"`")
	}
	var parts []string
	for n := 64; n > 2; n-- {
		if len(types[n]) > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", and(types[n]), n))
		}
	}
	return strings.Join(parts, ", ") + ", others 2"
}

func and(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

func rates() string {
	var limited, unlimited []string
	for _, k := range builtin.Kinds() {
		if k.Rate.Messages == 0 {
			unlimited = append(unlimited, "`"+k.Type+"`")
			continue
		}
		limited = append(limited, strings.TrimSpace(fmt.Sprintf("`%s` `%s` %s", k.Type, rateText(k.Rate), k.RatePer)))
	}
	return "what the service takes: " + strings.Join(limited, ", ") + "; " + and(unlimited) + " as fast as they can"
}

// rateText returns a rate per second, or per minute if that is not a whole number.
func rateText(r notifiers.Rate) string {
	if r.Per == time.Second {
		return fmt.Sprintf("%d/s", r.Messages)
	}
	return fmt.Sprintf("%d/m", time.Duration(r.Messages)*time.Minute/r.Per)
}

func bursts() string {
	var parts []string
	for _, k := range slices.SortedStableFunc(slices.Values(builtin.Kinds()),
		func(a, b notifiers.Kind) int { return cmp.Compare(a.Rate.Burst, b.Rate.Burst) }) {
		if k.Rate.Burst > 1 {
			parts = append(parts, fmt.Sprintf("`%s` %d", k.Type, k.Rate.Burst))
		}
	}
	return "1; without a `rate` of your own " + strings.Join(parts, ", ")
}

// TestTheCellsOfAKindNameItsKeys compares the cells that a kind writes by hand with the keys of its configuration.
func TestTheCellsOfAKindNameItsKeys(t *testing.T) {
	for _, k := range builtin.Kinds() {
		cells := k.Needs + " " + k.Notes
		config, options := yamlKeys(k.Config()), yamlKeys(k.Options)
		for _, key := range codeIn(k.Needs) {
			if !slices.Contains(options, key) && !slices.Contains(config, key) {
				t.Errorf("%s: there is no key %s", k.Type, key)
			}
		}
		for _, key := range config {
			common := key == "timeout" || key == "proxy_url" // README names them below the table
			if !common && !regexp.MustCompile(`\b`+key+`\b`).MatchString(cells) {
				t.Errorf("%s: neither Needs nor Notes names the key %s", k.Type, key)
			}
		}
	}
}

// codeIn returns the texts between backquotes.
func codeIn(text string) (words []string) {
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(text, -1) {
		words = append(words, m[1])
	}
	return words
}

// yamlKeys returns the keys of a struct or of a pointer to one.
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
