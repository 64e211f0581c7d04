package rulefile

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"

	"qaserelay/rules"
	"qaserelay/rules/diag"
	"qaserelay/rules/yamldoc"
)

// SecretVariable is the environment variable with the secret of the source that is there when the files name none.
const SecretVariable = "QASE_WEBHOOK_SECRET"

type sourceSpec struct {
	At        yamldoc.Raw    `yaml:"-"`
	Name      yamldoc.Text   `yaml:"name"`
	Secrets   []yamldoc.Text `yaml:"secrets" secret:"true"`
	Projects  []yamldoc.Text `yaml:"projects"`
	AllowFrom []yamldoc.Text `yaml:"allow_from"`
	APIToken  string         `yaml:"api_token" secret:"true"`
	APIURL    yamldoc.Text   `yaml:"api_url"`
}

// defaultAPIURL is where the Qase API is.
const defaultAPIURL = "https://api.qase.io/v1"

var (
	sourceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	plainName  = regexp.MustCompile(`^[^\s/"'{}\x00-\x1f][^/"'{}\x00-\x1f]{0,98}$`)
)

func (b *Builder) buildSources() []rules.Source {
	var sources []rules.Source
	names := uniqueNames{}
	found := false
	for _, f := range b.Files {
		found = found || f.Spec.Sources == nil && HasKey(f.Root, "sources") // reported
		for i := range f.Spec.Sources {
			found = true
			spec := &f.Spec.Sources[i]
			if !spec.At.IsMapping() {
				continue
			}
			if f.checkName(spec.Name, spec.At.Node, "source", sourceName) {
				names.add(f, spec.Name, "source")
			}
			sources = append(sources, f.source(spec))
		}
	}
	if !found && len(b.Files) > 0 {
		return b.implicitSource()
	}
	return sources
}

// implicitSource is the source of files that name none, so that three lines can be a whole file.
func (b *Builder) implicitSource() []rules.Source {
	f := b.Files[0]
	s := rules.Source{Name: "qase", APIURL: defaultAPIURL}
	value, set := "", false
	if b.O.LookupEnv != nil {
		value, set = b.O.LookupEnv(SecretVariable)
	}
	if set && value != "" {
		s.Secrets = append(s.Secrets, sha256.Sum256([]byte(value)))
		return []rules.Source{s}
	}
	f.Report(nil, f.UnsetSeverity(), "no sources are configured, and the environment variable "+SecretVariable+" is not set",
		"set it to the secret that you give to the webhook in Qase, or add sources:")
	return []rules.Source{s}
}

func (f *OpenFile) source(spec *sourceSpec) rules.Source {
	s := rules.Source{Name: spec.Name.S, APIURL: defaultAPIURL}
	if spec.APIToken != "" {
		s.Token = &spec.APIToken
	}
	if spec.APIURL.Given() && spec.APIURL.S != "" {
		s.APIURL = f.baseURL(spec.APIURL, "api_url", defaultAPIURL)
	}
	for _, t := range spec.Secrets {
		switch {
		case t.S != "":
			s.Secrets = append(s.Secrets, sha256.Sum256([]byte(t.S)))
		case t.Given() && !refersToVariable(t):
			f.Report(t.Node, diag.Error, "a secret of the source "+spec.Name.S+" is empty", "put in the secret that you gave to the webhook in Qase")
		}
	}
	reported := spec.Secrets == nil && HasKey(spec.At.Node, "secrets") || f.Unset > 0 && HasKey(spec.At.Node, "secrets_file") || f.Misspelt(spec.At.Node, "secrets", "secrets_file")
	if len(spec.Secrets) == 0 && !reported {
		f.Report(spec.At.Node, diag.Error, "the source "+quoted(spec.Name.S)+"has no secrets", `add secrets: ["${QASE_WEBHOOK_SECRET}"]`)
	}
	for _, t := range spec.Projects {
		s.Projects = append(s.Projects, t.S)
	}
	for _, t := range spec.AllowFrom {
		if prefix, ok := f.prefix(t); ok {
			s.AllowFrom = append(s.AllowFrom, prefix)
		}
	}
	return s
}

// baseURL reads the URL that others are built on.
func (f *OpenFile) baseURL(t yamldoc.Text, key, example string) string {
	if u, err := url.Parse(t.S); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		f.Errorf(t.Node, "%s: %q is not a URL such as %s", key, t.S, example)
	}
	return strings.TrimRight(t.S, "/")
}

// refersToVariable reports whether an empty text is the fault of the environment, which has been reported.
func refersToVariable(t yamldoc.Text) bool {
	return strings.Contains(t.Node.Value, "${") && !strings.Contains(t.Node.Value, ":-")
}

func HasKey(n *yaml.Node, key string) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return true
		}
	}
	return false
}

// prefix reads a network or a single address.
func (f *OpenFile) prefix(t yamldoc.Text) (netip.Prefix, bool) {
	if addr, err := netip.ParseAddr(t.S); err == nil {
		return netip.PrefixFrom(addr, addr.BitLen()), true
	}
	prefix, err := netip.ParsePrefix(t.S)
	if err != nil {
		f.Report(t.Node, diag.Error, fmt.Sprintf("allow_from: %q is neither an address nor a network", t.S), "write 203.0.113.7 or 203.0.113.0/24")
		return netip.Prefix{}, false
	}
	return prefix.Masked(), true
}

// checkName reports a name that is missing or cannot be used.
func (f *OpenFile) checkName(name yamldoc.Text, at *yaml.Node, what string, pattern *regexp.Regexp) bool {
	switch {
	case !name.Given() && (HasKey(at, "name") || f.Misspelt(at, "name")): // reported
	case !name.Given():
		f.Errorf(at, "a %s needs a name", what)
	case !pattern.MatchString(name.S):
		f.Report(name.Node, diag.Error, fmt.Sprintf("%q cannot be the name of a %s", name.S, what), "use letters, digits, dots and dashes")
	default:
		return true
	}
	return false
}

// uniqueNames finds things that have the same name.
type uniqueNames map[string]string

func (u uniqueNames) add(f *OpenFile, name yamldoc.Text, what string) {
	if first, taken := u[name.S]; taken {
		f.Report(name.Node, diag.Error, fmt.Sprintf("two %ss are named %q", what, name.S), "the first stands at "+first)
		return
	}
	u[name.S] = fmt.Sprintf("%s:%d", f.Name, name.Node.Line)
}
