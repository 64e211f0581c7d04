package draft

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/rules/event"
	"qaserelay/rules/rulefile/testfile"
	"qaserelay/rules/yamldoc"
)

// failing is what --failures and --set failures.… say: the tests that failed in a run. Nil says nothing.
type failing struct{ *testfile.Failing }

// readFailing reads --failures, which is a file, a number of tests or unknown, with the changes of --set failures.…. It
// returns the other changes too.
func (r Spec) readFailing(c *terminal.Console) (f *failing, rest []string, err error) {
	var own []string
	for _, set := range r.Sets {
		if path, _, _ := strings.Cut(set, "="); path == "failures" || strings.HasPrefix(path, "failures.") {
			own = append(own, set)
		} else {
			rest = append(rest, set)
		}
	}
	if r.Failures == "" && own == nil {
		return nil, rest, nil
	}
	file := yamldoc.File{Name: r.Failures, Data: []byte(r.Failures)}
	_, err = strconv.Atoi(r.Failures)
	if isWord := err == nil || r.Failures == "unknown" || r.Failures == ""; !isWord || terminal.IsFile(r.Failures) {
		if file.Data, err = c.ReadFile(r.Failures); err != nil {
			return nil, nil, fmt.Errorf("--failures: %w", err)
		}
	}
	if own != nil {
		if file, err = changeFailing(file, own); err != nil {
			return nil, nil, err
		}
	}
	read, problems := testfile.ReadFailing(file)
	terminal.PrintProblems(c.Err, problems)
	if read == nil {
		return nil, nil, errors.New("the failures cannot be used")
	}
	return &failing{read}, rest, nil
}

// changeFailing applies --set failures.… to a file of failures.
func changeFailing(file yamldoc.File, sets []string) (yamldoc.File, error) {
	var all any
	if err := yaml.Unmarshal(file.Data, &all); err != nil {
		return file, fmt.Errorf("--failures %s: %w", file.Name, err)
	}
	if fields, ok := all.(map[string]any); ok && fields["failures"] != nil {
		all = fields["failures"]
	}
	for _, set := range sets {
		path, text, ok := strings.Cut(set, "=")
		if !ok {
			return file, terminal.Hint(fmt.Errorf("--set %q has no value", set), "for example --set failures.0.title=Login")
		}
		v, err := parseValue(text)
		if err == nil {
			all, err = setFailing(all, strings.Split(path, ".")[1:], v)
		}
		if err != nil {
			return file, terminal.Hint(fmt.Errorf("--set %s: %w", path, err), "for example --set failures.0.title=Login")
		}
	}
	data, err := json.Marshal(all)
	return yamldoc.File{Name: "--set failures", Data: data}, err
}

// setFailing sets a value within failures, and returns the failures. A test that follows the last one is added.
func setFailing(all any, keys []string, value any) (any, error) {
	if len(keys) == 0 {
		return value, nil
	}
	if all == nil {
		all = []any{}
	}
	list, isList := all.([]any)
	if !isList {
		return nil, errors.New("the failures are not a list")
	}
	if at, err := strconv.Atoi(keys[0]); err == nil && at == len(list) {
		list = append(list, map[string]any{})
	} else if err == nil && 0 <= at && at < len(list) && len(keys) > 1 {
		list[at] = asFields(list[at])
	}
	return list, event.SetPath(list, keys, value)
}

// asFields returns a test that is written as the number of its case or as its title with its fields.
func asFields(test any) any {
	switch test := test.(type) {
	case int:
		return map[string]any{"case_id": test}
	case string:
		return map[string]any{"title": test}
	}
	return test
}

// count sets the counts of an example to those of the failures, unless they are set.
func (f *failing) count(d *Draft, sets []string) {
	payload, ok := d.event["payload"].(map[string]any)
	if f == nil || !ok || d.fixTime {
		return
	}
	written := map[string]bool{}
	for _, name := range []string{"failed", "passed"} {
		written[name] = slices.ContainsFunc(sets, func(set string) bool { return strings.HasPrefix(set, "payload."+name+"=") })
	}
	f.Count(payload, written)
}

// attach stores the failures with the event, which has to be the end of a run.
func (f *failing) attach(ev *event.Event) error {
	if f == nil {
		return nil
	}
	if ev.Name != "run.completed" && ev.Name != "run.aborted" {
		return terminal.Hint(fmt.Errorf("--failures: %s is not the end of a run", terminal.OneLine(ev.Name)),
			"failures belong to run.completed and run.aborted")
	}
	f.Attach(ev)
	return nil
}
