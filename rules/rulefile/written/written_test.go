package written_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"qaserelay/notifiers/builtin"
	"qaserelay/relay/config"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/rulefile/written"
	"qaserelay/rules/value"
	"qaserelay/rules/yamldoc"
)

// planted holds a secret in each way in which a file can have one. Each begins with s3cr3t.
const planted = `# a comment with token: s3cr3t-in-comment-1 and https://bob:s3cr3t-login@example.com/
# webhook_url: https://hooks.slack.com/services/T0/B0/s3cr3thook1
x-common: &c {timeout: 10s, headers: {Authorization: "Bearer s3cr3t-header1", Accept: text/plain}}
sources:
  - name: qase
    secrets: [s3cr3t-source1, "${QASE_SECRET}", "${OTHER:-s3cr3t-default}"]
    api_token: >-
      s3cr3t-folded
notifiers:
  - {name: chat, type: slack, token: s3cr3t-slack1, channel: "#qa"}
  - {name: hook, type: slack, webhook_url: "https://hooks.slack.com/services/s3cr3t-hook2"}
  - name: ops
    type: http
    url: https://ops.example.com/in/s3cr3t-path?key=1
    <<: *c
    signing_secret:
      - s3cr3t-signing1
    oauth2: {client_id: me, client_secret: 's3cr3t-oauth', token_url: "https://login.example.com/token", scopes: [a]}
    tls:
      key: |
        -----BEGIN PRIVATE KEY-----
        s3cr3tkey
        -----END PRIVATE KEY-----
  - {name: mail, type: email, host: smtp.example.com, from: q@example.com, password: "${MAIL_PASSWORD}"}
rules:
  # above the rule
  - name: one
    when: event_name == "run.completed"   # why
    body: "curl -H 'Authorization: Bearer s3cr3tBodY1' https://app.qase.io/run"
    notify:
      - notifier: ops
        url: "https://ops.example.com/{{ .project_code }}/s3cr3t-url"
        headers: {X-Key: s3cr3t-header2, Content-Type: application/json, X-Run: "{{ .payload.id }}", X-Token: "Bearer ${OPS}"}
      - {notifier: chat, thread: {key: release-5, across: projects}}

  -
    name: two
    when: 'true'
    notify: [chat]
tests:
  - {name: t, event: run.completed, expect: [{rule: one}]}
`

func filesOf(texts ...string) *written.Files {
	var all []yamldoc.File
	for i, text := range texts {
		all = append(all, yamldoc.File{Name: []string{"rules.yaml", "more.yaml"}[i], Data: []byte(text)})
	}
	return written.Read(all)
}

func TestAFileIsShownWithoutItsSecrets(t *testing.T) {
	text, found := filesOf(planted).Text("")
	if !found || strings.Contains(text, "s3cr3t") {
		t.Errorf("shows a secret:\n%s", text)
	}
	if a, b := strings.Count(text, "\n"), strings.Count(planted, "\n"); a != b {
		t.Errorf("has %d lines, not %d:\n%s", a, b, text)
	}
	for _, kept := range []string{`secrets: [<secret>, "${QASE_SECRET}", "${OTHER:-<secret>}"]`, `password: "${MAIL_PASSWORD}"`,
		`{key: release-5, across: projects}`, "Accept: text/plain", "Content-Type: application/json", `"{{ .payload.id }}"`,
		`"Bearer ${OPS}"`, `"https://ops.example.com/<secret>"`, `token_url: "https://login.example.com/token"`, "# why",
		`url: "https://ops.example.com/<secret>"`} {
		if !strings.Contains(text, kept) {
			t.Errorf("does not show %s:\n%s", kept, text)
		}
	}
}

func TestARuleHasItsOwnLines(t *testing.T) {
	files := filesOf(planted, "rules: [{name: flow, when: 'true'}, {name: other, notify: [{notifier: ops, url: s3cr3t}],\n  when: 'false'}]\n")
	for name, want := range map[string]struct {
		file        string
		first, last int
		begins      string
	}{
		"one": {"rules.yaml", 27, 34, "  - name: one"}, "two": {"rules.yaml", 36, 39, "  -"},
		"flow":  {"more.yaml", 1, 1, "{name: flow, when: 'true'}"},
		"other": {"more.yaml", 1, 2, "{name: other, notify: [{notifier: ops, url: <secret>}],"},
	} {
		r, found := files.Rule(name)
		if !found || r.File != want.file || r.First != want.first || r.Last != want.last || r.Lines[0] != want.begins ||
			len(r.Lines) != r.Last-r.First+1 {
			t.Errorf("%s: got %+v, want %+v", name, r, want)
		}
		if text := strings.Join(r.Lines, "\n"); strings.Contains(text, "s3cr3t") || strings.HasSuffix(text, "\n") {
			t.Errorf("%s: got\n%s", name, text)
		}
	}
	one, _ := files.Rule("one")
	const targets = `[{"headers":{"Content-Type":"application/json","X-Key":"<secret>","X-Run":"{{ .payload.id }}",` +
		`"X-Token":"Bearer ${OPS}"},"notifier":"ops","url":"https://ops.example.com/<secret>"},` +
		`{"notifier":"chat","thread":{"across":"projects","key":"release-5"}}]`
	if got := value.JSONText(one.Value("notify")); got != targets {
		t.Errorf("got the targets %s, want %s", got, targets)
	}
	if _, found := files.Rule("three"); found {
		t.Error("found a rule that is not there")
	}
}

// parsed reads files with a restorer, in an environment with every variable.
func parsed(current *written.Files, renamed map[string]string, text string) (*rulefile.File, []string, []string) {
	r := current.Restorer(renamed)
	file, problems := rulefile.Parse([]yamldoc.File{{Name: "rules.yaml", Data: []byte(text)}}, rulefile.Options{
		Kinds: config.Kinds(builtin.Kinds()), Prepare: r.Prepare,
		LookupEnv: func(name string) (string, bool) { return "value-of-" + name, true },
		ReadFile:  func(name string) ([]byte, error) { return []byte("content of " + name), nil },
	})
	var texts []string
	for _, p := range problems.Errors() {
		texts = append(texts, p.Place()+": "+p.Message)
	}
	return file, texts, r.Restored()
}

func TestAMaskedFileIsReadAsTheFileItself(t *testing.T) {
	current := filesOf(planted)
	text, _ := current.Text("")
	_, problems, _ := parsed(current, nil, planted)
	_, again, back := parsed(current, nil, text)
	if !slices.Equal(problems, again) {
		t.Errorf("got the problems %q, want %q", again, problems)
	}
	for _, secret := range []string{"s3cr3t-source1", "s3cr3t-folded", "s3cr3t-slack1", "s3cr3t-oauth", "Bearer s3cr3t-header1",
		"-----BEGIN PRIVATE KEY-----\ns3cr3tkey\n-----END PRIVATE KEY-----\n", "${OTHER:-s3cr3t-default}"} {
		if !slices.Contains(back, secret) {
			t.Errorf("%q is not back: %q", secret, back)
		}
	}
}

func TestADraftReadsNothingThatItsFilesDoNot(t *testing.T) {
	text, _ := filesOf(planted).Text("")
	change := func(old, with string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("no %s in\n%s", old, text)
		}
		return strings.Replace(text, old, with, 1)
	}
	for name, tt := range map[string]struct{ text, want string }{
		"a variable in a title":          {change("when: 'true'", "when: 'true'\n    title: ${MAIL_PASSWORD}"), "cannot read environment variables"},
		"a variable as a default":        {change("when: 'true'", "when: 'true'\n    title: ${X:-${HOME}}"), "cannot read environment variables"},
		"a file of a secret":             {change("token: <secret>", "token_file: /etc/passwd"), "cannot read files"},
		"another file":                   {change("rules:\n", "include: [/etc/passwd]\nrules:\n"), "cannot include other files"},
		"the mask at another place":      {change("when: 'true'", "when: 'true'\n    notify: [{notifier: ops, url: <secret>}]"), "none at this place"},
		"the mask of another notifier":   {change("type: slack, token: <secret>", "type: telegram, token: <secret>"), "none at this place"},
		"an anchor on a secret":          {change("token: <secret>", "token: &s <secret>") + "x-more: *s\n", "cannot use the anchor"},
		"an anchor around a secret":      {change("name: two", "name: two\n    title: *c"), "cannot use the anchor"},
		"the alias of another anchor":    {change("x-common: &c {timeout: 10s,", "x-other: &c {token: \"${QASE_SECRET}\"}\nx-common: {timeout: 10s,"), "cannot"},
		"a rule that has another name":   {change("name: one", "name: uno"), "none at this place"},
		"a masked value that is renamed": {change("X-Key: <secret>", "X-Other: <secret>"), "none at this place"},
	} {
		_, problems, _ := parsed(filesOf(planted), nil, tt.text)
		if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, tt.want) }) {
			t.Errorf("%s: got %q, want %s", name, problems, tt.want)
		}
	}
	if _, problems, _ := parsed(filesOf(planted), map[string]string{"uno": "one"}, change("name: one", "name: uno")); slices.ContainsFunc(problems,
		func(p string) bool { return strings.Contains(p, "none at this place") }) {
		t.Errorf("a rule that is known to be renamed: %q", problems)
	}
}

func TestEveryExampleIsReadBackFromWhatIsShown(t *testing.T) {
	names, err := filepath.Glob("../../../examples/*/rules.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, name := range append(names, "../../../rules.example.yaml") {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		current := filesOf(string(data))
		text, _ := current.Text("")
		before, problems, _ := parsed(current, nil, string(data))
		after, again, _ := parsed(current, nil, text)
		if !slices.Equal(problems, again) {
			t.Errorf("%s: got the problems %q, want %q", name, again, problems)
		}
		if a, b := value.JSONText(before.Rules.Rules()), value.JSONText(after.Rules.Rules()); a != b {
			t.Errorf("%s: got the rules\n%s\nwant\n%s", name, b, a)
		}
		for _, r := range before.Rules.Rules() {
			if written, found := current.Rule(r.Name); !found || written.First < 1 || len(written.Lines) == 0 {
				t.Errorf("%s: the rule %s is at %+v", name, r.Name, written)
			}
		}
	}
}
