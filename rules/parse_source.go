package rules

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// SecretVariable is the environment variable with the secret of the source that is there when the files name none.
const SecretVariable = "QASE_WEBHOOK_SECRET"

type sourceSpec struct {
	At        raw    `yaml:"-"`
	Name      text   `yaml:"name"`
	Secrets   []text `yaml:"secrets" secret:"true"`
	Projects  []text `yaml:"projects"`
	AllowFrom []text `yaml:"allow_from"`
	APIToken  string `yaml:"api_token" secret:"true"`
	APIURL    text   `yaml:"api_url"`
}

// defaultAPIURL is where the Qase API is.
const defaultAPIURL = "https://api.qase.io/v1"

var (
	sourceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	plainName  = regexp.MustCompile(`^[^\s/"'{}\x00-\x1f][^/"'{}\x00-\x1f]{0,98}$`)
)

func (b *builder) buildSources() []Source {
	var sources []Source
	names := uniqueNames{}
	found := false
	for _, f := range b.files {
		found = found || f.spec.Sources == nil && hasKey(f.root, "sources") // reported
		for i := range f.spec.Sources {
			found = true
			spec := &f.spec.Sources[i]
			if !spec.At.isMapping() {
				continue
			}
			if f.checkName(spec.Name, spec.At.node, "source", sourceName) {
				names.add(f, spec.Name, "source")
			}
			sources = append(sources, f.source(spec))
		}
	}
	if !found && len(b.files) > 0 {
		return b.implicitSource()
	}
	return sources
}

// implicitSource is the source of files that name none, so that three lines can be a whole file.
func (b *builder) implicitSource() []Source {
	f := b.files[0]
	s := Source{Name: "qase", APIURL: defaultAPIURL}
	value, set := "", false
	if b.o.LookupEnv != nil {
		value, set = b.o.LookupEnv(SecretVariable)
	}
	if set && value != "" {
		s.Secrets = append(s.Secrets, sha256.Sum256([]byte(value)))
		return []Source{s}
	}
	f.report(nil, f.unsetSeverity(), "no sources are configured, and the environment variable "+SecretVariable+" is not set",
		"set it to the secret that you give to the webhook in Qase, or add sources:")
	return []Source{s}
}

func (f *openFile) source(spec *sourceSpec) Source {
	s := Source{Name: spec.Name.s, APIURL: defaultAPIURL}
	if spec.APIToken != "" {
		s.apiToken = &spec.APIToken
	}
	if spec.APIURL.given() && spec.APIURL.s != "" {
		s.APIURL = f.baseURL(spec.APIURL, "api_url", defaultAPIURL)
	}
	for _, t := range spec.Secrets {
		switch {
		case t.s != "":
			s.Secrets = append(s.Secrets, sha256.Sum256([]byte(t.s)))
		case t.given() && !refersToVariable(t):
			f.report(t.node, Error, "a secret of the source "+spec.Name.s+" is empty", "put in the secret that you gave to the webhook in Qase")
		}
	}
	reported := spec.Secrets == nil && hasKey(spec.At.node, "secrets") || f.unset > 0 && hasKey(spec.At.node, "secrets_file") || f.misspelt(spec.At.node, "secrets", "secrets_file")
	if len(spec.Secrets) == 0 && !reported {
		f.report(spec.At.node, Error, "the source "+quoted(spec.Name.s)+"has no secrets", `add secrets: ["${QASE_WEBHOOK_SECRET}"]`)
	}
	for _, t := range spec.Projects {
		s.Projects = append(s.Projects, t.s)
	}
	for _, t := range spec.AllowFrom {
		if prefix, ok := f.prefix(t); ok {
			s.AllowFrom = append(s.AllowFrom, prefix)
		}
	}
	return s
}

// baseURL reads the URL that others are built on.
func (f *openFile) baseURL(t text, key, example string) string {
	if u, err := url.Parse(t.s); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		f.errorf(t.node, "%s: %q is not a URL such as %s", key, t.s, example)
	}
	return strings.TrimRight(t.s, "/")
}

// refersToVariable reports whether an empty text is the fault of the environment, which has been reported.
func refersToVariable(t text) bool {
	return strings.Contains(t.node.Value, "${") && !strings.Contains(t.node.Value, ":-")
}

func hasKey(n *yaml.Node, key string) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return true
		}
	}
	return false
}

// prefix reads a network or a single address.
func (f *openFile) prefix(t text) (netip.Prefix, bool) {
	if addr, err := netip.ParseAddr(t.s); err == nil {
		return netip.PrefixFrom(addr, addr.BitLen()), true
	}
	prefix, err := netip.ParsePrefix(t.s)
	if err != nil {
		f.report(t.node, Error, fmt.Sprintf("allow_from: %q is neither an address nor a network", t.s), "write 203.0.113.7 or 203.0.113.0/24")
		return netip.Prefix{}, false
	}
	return prefix.Masked(), true
}

// checkName reports a name that is missing or cannot be used.
func (f *openFile) checkName(name text, at *yaml.Node, what string, pattern *regexp.Regexp) bool {
	switch {
	case !name.given() && (hasKey(at, "name") || f.misspelt(at, "name")): // reported
	case !name.given():
		f.errorf(at, "a %s needs a name", what)
	case !pattern.MatchString(name.s):
		f.report(name.node, Error, fmt.Sprintf("%q cannot be the name of a %s", name.s, what), "use letters, digits, dots and dashes")
	default:
		return true
	}
	return false
}

// uniqueNames finds things that have the same name.
type uniqueNames map[string]string

func (u uniqueNames) add(f *openFile, name text, what string) {
	if first, taken := u[name.s]; taken {
		f.report(name.node, Error, fmt.Sprintf("two %ss are named %q", what, name.s), "the first stands at "+first)
		return
	}
	u[name.s] = fmt.Sprintf("%s:%d", f.name, name.node.Line)
}
