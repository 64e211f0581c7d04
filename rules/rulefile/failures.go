package rulefile

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/diag"
	"qaserelay/rules/failures"
	"qaserelay/rules/message"
	"qaserelay/rules/people"
	"qaserelay/rules/value"
	"qaserelay/rules/yamldoc"
)

// askSpec is the value of failures of a source in its long form.
type askSpec struct {
	Wait       *time.Duration `yaml:"wait"`
	Most       *int           `yaml:"most"`
	Reasons    *bool          `yaml:"reasons"`
	OwnerField yamldoc.Text   `yaml:"owner_field"`
}

// shownSpec is the value of failures of a rule.
type shownSpec struct {
	At yamldoc.Raw `yaml:"-"`
	// Failing tests that a message lists, from 1 to 200. Default: as many as suit the channel.
	Most *int `yaml:"most"`
	// false leaves out what comments and stack traces say. Default: true.
	Reasons *bool `yaml:"reasons"`
}

// ownsSpec is an entry of owns of a person.
type ownsSpec struct {
	At      yamldoc.Raw  `yaml:"-"`
	Project yamldoc.Text `yaml:"project"`
	Suite   yamldoc.Text `yaml:"suite"`
	Tag     yamldoc.Text `yaml:"tag"`
	Case    yamldoc.Text `yaml:"case"`
}

// askExample is how failures of a source is written.
const askExample = "write failures: {wait: 20s}, or failures: off"

// failures returns what a source asks about the tests that failed.
func (d *document) failures(spec *sourceSpec) failures.Settings {
	s := failures.DefaultSettings()
	n := spec.Failures.Node
	switch {
	case n == nil:
		return s
	case n.Kind == yaml.ScalarNode:
		s.Off = d.isOff(n)
		return s
	case n.Kind != yaml.MappingNode:
		d.Report(n, diag.Error, "failures must be off or a mapping, not "+yamldoc.Describe(n), askExample)
		return s
	}
	var ask askSpec
	d.Decode(n, &ask, "failures")
	if ask.Wait != nil {
		s.Wait = *ask.Wait
		if s.Wait > failures.MaxWait {
			d.Report(yamldoc.ValueOf(n, "wait"), diag.Error, fmt.Sprintf("failures.wait: the longest time is %s",
				value.HumanDuration(failures.MaxWait)), "the message waits for it; results seldom need more than a minute")
			s.Wait = failures.MaxWait
		}
	}
	if ask.Most != nil {
		s.Most = d.countOf(n, *ask.Most, failures.MaxResults)
	}
	s.NoReasons = ask.Reasons != nil && !*ask.Reasons
	if s.OwnerField = strings.TrimSpace(ask.OwnerField.S); ask.OwnerField.Given() && s.OwnerField == "" {
		d.Report(ask.OwnerField.Node, diag.Error, "failures.owner_field is empty",
			`write the title of a custom field of cases, such as owner_field: "Team"`)
	}
	d.checkAsking(spec, n)
	return s
}

// isOff reads failures of a source that is a text: the word off.
func (d *document) isOff(n *yaml.Node) bool {
	var t yamldoc.Text
	unset := d.Unset
	d.Decode(n, &t, "failures")
	_, isTime := value.ParseDuration(t.S)
	hint := askExample
	switch word := strings.ToLower(t.S); {
	case !t.Given() || t.S == "" && d.Unset > unset: // reported
		return false
	case t.S == "off":
		return true
	case word == "false" || word == "no" || word == "none" || word == "never" || word == "off" || word == "0":
		hint = "write failures: off"
	case word == "true" || word == "on" || word == "yes":
		hint = "it asks by default: remove the key, or write failures: {wait: 20s}"
	case isTime == nil:
		hint = "write failures: {wait: " + t.S + "}"
	}
	d.Report(n, diag.Error, fmt.Sprintf("failures must be off or a mapping, not %s", value.Quote(t.S)), hint)
	return false
}

// countOf returns the value of most, which it reports if it is out of range.
func (d *document) countOf(n *yaml.Node, count, most int) int {
	if count >= 1 && count <= most {
		return count
	}
	d.Report(yamldoc.ValueOf(n, "most"), diag.Error, "failures.most is a number from 1 to "+value.Grouped(most), "")
	return max(1, min(count, most))
}

// checkAsking warns of settings of questions that are never asked, since there is no token.
func (d *document) checkAsking(spec *sourceSpec, n *yaml.Node) {
	if d.hasToken(spec) {
		return
	}
	for _, key := range []string{"wait", "owner_field"} {
		if at := yamldoc.ValueOf(n, key); at != nil {
			d.Report(at, diag.Warning, "failures."+key+" has no effect: the source has no api_token, so Qase is not asked",
				TokenHint)
			return
		}
	}
}

// hasToken reports whether a token for the Qase API is written, also if its variable is not set here.
func (d *document) hasToken(spec *sourceSpec) bool {
	return spec.APIToken != "" || yamldoc.HasKey(spec.At.Node, "api_token") || yamldoc.HasKey(spec.At.Node, "api_token_file") ||
		d.Misspelt(spec.At.Node, "api_token", "api_token_file")
}

// TokenHint says where a token for the Qase API is made.
const TokenHint = `make a token in Qase (Profile, API tokens: /user/api/token) and write api_token: "${QASE_API_TOKEN}"`

// shown reads failures of a rule.
func (d *document) shown(spec *shownSpec) (s failures.Shown) {
	if spec == nil || !spec.At.IsMapping() {
		return s
	}
	if spec.Most != nil {
		s.Most = d.countOf(spec.At.Node, *spec.Most, message.MaxFailures)
	}
	s.NoReasons = spec.Reasons != nil && !*spec.Reasons
	return s
}

// looksLikeRegexp matches what stands in regular expressions and in no pattern of tests.
var looksLikeRegexp = regexp.MustCompile(`\.\*|\.\+|^\^|\$$|\\[dwsb.]|\(\?|\[[^\]]+\][+*]`)

// owns reads the patterns of the tests that a person looks after.
func (d *document) owns(spec personSpec) (all []people.Owns) {
	for i := range spec.Owns {
		o := &spec.Owns[i]
		if !o.At.IsMapping() {
			continue
		}
		one := people.Owns{Project: o.Project.S, Suite: o.Suite.S, Tag: o.Tag.S, Case: o.Case.S}
		if one == (people.Owns{}) {
			keys := []string{"project", "suite", "tag", "case"}
			if !d.Misspelt(o.At.Node, keys...) && !hasAny(o.At.Node, keys) {
				d.Report(o.At.Node, diag.Error, "an entry of owns names no tests", `write such as {project: WEB, suite: "Checkout*"}`)
			}
			continue
		}
		for key, t := range map[string]yamldoc.Text{"project": o.Project, "suite": o.Suite, "tag": o.Tag, "case": o.Case} {
			d.checkPattern("owns."+key, t)
		}
		if s := o.Suite; strings.Contains(s.S, "/") && !strings.Contains(s.S, " / ") {
			d.Report(s.Node, diag.Warning, "owns.suite: the levels of a path are parted by a slash between spaces, so it matches no suite",
				"write "+value.Quote(strings.Join(strings.FieldsFunc(s.S, func(r rune) bool { return r == '/' }), " / ")))
		}
		all = append(all, one)
	}
	return all
}

// checkPattern warns of a pattern that was written as a regular expression.
func (d *document) checkPattern(key string, t yamldoc.Text) {
	if t.Given() && looksLikeRegexp.MatchString(t.S) {
		d.Report(t.Node, diag.Warning, key+": "+value.Quote(t.S)+" is a pattern, not a regular expression",
			"* stands for any text, ? for one character: "+value.Quote(plainPattern.Replace(strings.Trim(t.S, "^$"))))
	}
}

var plainPattern = strings.NewReplacer(".*", "*", ".+", "*")

func hasAny(n *yaml.Node, keys []string) bool {
	for _, key := range keys {
		if yamldoc.HasKey(n, key) {
			return true
		}
	}
	return false
}

// warnOfWaits warns of sources whose events wait longer for names than a delivery waits for an earlier one.
func warnOfWaits(documents []*document, most time.Duration) {
	for _, d := range documents {
		for i := range d.spec.Sources {
			n := d.spec.Sources[i].Failures.Node
			if n == nil || n.Kind != yaml.MappingNode {
				continue
			}
			at := yamldoc.ValueOf(n, "wait")
			if at == nil {
				continue
			}
			if wait, err := value.ParseDuration(at.Value); err == nil && wait > most && wait <= failures.MaxWait {
				d.Report(at, diag.Warning, fmt.Sprintf("failures.wait is longer than settings.order_wait, %s: later messages may "+
					"overtake those that wait", value.HumanDuration(most)), "write a shorter wait, or a longer order_wait")
			}
		}
	}
}
