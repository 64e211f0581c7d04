package rulefile

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"qaserelay/rules"
	"qaserelay/rules/diag"
	"qaserelay/rules/failures"
	"qaserelay/rules/value"
	"qaserelay/rules/yamldoc"
)

// secretVariable is the environment variable with the secret of the implicit source, which files without sources: have.
const secretVariable = "QASE_WEBHOOK_SECRET"

// defaultAPIURL is the base URL of the Qase API.
const defaultAPIURL = "https://api.qase.io/v1"

type sourceSpec struct {
	At        yamldoc.Raw    `yaml:"-"`
	Name      yamldoc.Text   `yaml:"name"`
	Secrets   []yamldoc.Text `yaml:"secrets" secret:"true"`
	Projects  []yamldoc.Text `yaml:"projects"`
	AllowFrom []yamldoc.Text `yaml:"allow_from"`
	APIToken  string         `yaml:"api_token" secret:"true"`
	APIURL    yamldoc.Text   `yaml:"api_url"`
	Expect    yamldoc.Raw    `yaml:"expect_every"`
	Failures  yamldoc.Raw    `yaml:"failures"`
}

func parseSources(documents []*document, qaseURL string, lookupEnv func(string) (string, bool)) []rules.Source {
	var sources []rules.Source
	names := uniqueNames{pattern: sourceName, first: map[string]string{}}
	given := false
	for _, d := range documents {
		faulty := d.spec.Sources == nil && yamldoc.HasKey(d.Root, "sources") // reported
		given = given || len(d.spec.Sources) > 0 || faulty
		for i := range d.spec.Sources {
			spec := &d.spec.Sources[i]
			if !spec.At.IsMapping() {
				continue
			}
			names.check(d, spec.Name, spec.At.Node, "source")
			sources = append(sources, d.source(spec, qaseURL))
		}
	}
	if !given && len(documents) > 0 {
		return []rules.Source{documents[0].implicitSource(lookupEnv)}
	}
	return sources
}

// implicitSource is the source of files without sources:, so that three lines can be a whole file.
func (d *document) implicitSource(lookupEnv func(string) (string, bool)) rules.Source {
	s := rules.Source{Name: "qase", APIURL: defaultAPIURL, Failures: failures.DefaultSettings()}
	secret := ""
	if lookupEnv != nil {
		secret, _ = lookupEnv(secretVariable)
	}
	secret, fault := yamldoc.CleanSecret(secret, false)
	if fault != "" {
		d.Report(nil, diag.Error, "the environment variable "+secretVariable+" "+fault,
			"a secret is one line of text, without spaces around it")
		return s
	}
	if secret != "" {
		s.Secrets = append(s.Secrets, sha256.Sum256([]byte(secret)))
		return s
	}
	d.ReportUnset(nil,
		"no sources are configured, and the environment variable "+secretVariable+" is not set",
		"set it to the secret that you give to the webhook in Qase, or add sources:")
	return s
}

func (d *document) source(spec *sourceSpec, qaseURL string) rules.Source {
	s := rules.Source{Name: spec.Name.S, APIURL: apiURL(qaseURL), Secrets: d.secrets(spec), Failures: d.failures(spec)}
	if d.hasToken(spec) {
		s.Token = &spec.APIToken
	}
	if spec.APIURL.Given() && spec.APIURL.S != "" {
		s.APIURL = d.baseURL(spec.APIURL, "api_url", defaultAPIURL)
		d.checkAPIURL(spec.APIURL, s.APIURL, qaseURL)
	}
	for _, t := range spec.Projects {
		d.checkProjectCode(t)
		s.Projects = append(s.Projects, t.S)
	}
	s.AllowFrom = d.networks(spec.AllowFrom, "allow_from")
	return s
}

// checkProjectCode warns of a text that is not the code of a project, which Qase writes in upper case.
func (d *document) checkProjectCode(t yamldoc.Text) {
	switch upper := strings.ToUpper(t.S); {
	case strings.ContainsAny(t.S, " \t"):
		d.Report(t.Node, diag.Warning, fmt.Sprintf("projects: %q is not the code of a project", t.S),
			"the code stands in the address of the project in Qase, such as WEB")
	case upper != t.S:
		d.Report(t.Node, diag.Warning, fmt.Sprintf("projects: project codes are in upper case, so no event is of %q", t.S),
			fmt.Sprintf("write %s", upper))
	}
}

// secrets returns the digests of the secrets of a source.
func (d *document) secrets(spec *sourceSpec) (digests [][32]byte) {
	for _, t := range spec.Secrets {
		switch {
		case t.S != "":
			digests = append(digests, sha256.Sum256([]byte(t.S)))
		case t.Given() && !refersToVariable(t):
			d.Report(t.Node, diag.Error, "a secret of the source "+spec.Name.S+" is empty",
				"add the secret of the webhook in Qase")
		}
	}
	at := spec.At.Node
	reported := spec.Secrets == nil && yamldoc.HasKey(at, "secrets") ||
		yamldoc.HasKey(at, "secrets_file") ||
		d.Misspelt(at, "secrets", "secrets_file")
	if len(spec.Secrets) == 0 && !reported {
		d.Report(at, diag.Error, "the source "+quoted(spec.Name.S)+"has no secrets",
			`add secrets: ["${QASE_WEBHOOK_SECRET}"]`)
	}
	return digests
}

// refersToVariable reports whether an empty text is the fault of the environment, which has been reported.
func refersToVariable(t yamldoc.Text) bool {
	return strings.Contains(t.Node.Value, "${") && !strings.Contains(t.Node.Value, ":-")
}

// apiURL returns the base URL of the API of a Qase with a domain of its own: that of https://qase.example.com is
// https://api-qase.example.com. For the public Qase, and for what is not an address, it is the default.
func apiURL(qaseURL string) string {
	u, err := url.Parse(qaseURL)
	if err != nil || u.Host == "" || slices.Contains([]string{"app.qase.io", "qase.io", "www.qase.io", "api.qase.io"}, u.Hostname()) {
		return defaultAPIURL
	}
	return u.Scheme + "://api-" + u.Host + "/v1"
}

// checkAPIURL warns of an address of pages where that of the API should stand: Qase answers there with a page.
func (d *document) checkAPIURL(t yamldoc.Text, api, qaseURL string) {
	u, err := url.Parse(api)
	if err != nil || u.Host == "" {
		return
	}
	pages, err := url.Parse(qaseURL)
	if u.Hostname() == "app.qase.io" || err == nil && u.Host == pages.Host && u.Path == "" {
		d.Report(t.Node, diag.Warning, "api_url: it is the address of the pages of Qase, and not of its API",
			"write "+apiURL(u.Scheme+"://"+u.Host))
	} else if u.Path == "" {
		d.Report(t.Node, diag.Warning, "api_url: paths of the API of Qase begin with its version", "write "+api+"/v1")
	}
}

// baseURL reads a base URL.
func (d *document) baseURL(t yamldoc.Text, key, example string) string {
	if u, err := url.Parse(t.S); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		d.Errorf(t.Node, "%s: %q is not a URL such as %s", key, t.S, example)
	}
	return strings.TrimRight(t.S, "/")
}

// networks reads networks and single addresses of clients.
func (d *document) networks(texts []yamldoc.Text, key string) (networks []netip.Prefix) {
	const example = "write 203.0.113.7 or 203.0.113.0/24"
	for _, t := range texts {
		network, err := value.ParseNetwork(t.S)
		switch {
		case err != nil:
			d.Report(t.Node, diag.Error, key+": "+err.Error(), example)
			continue
		case !value.MayBeClient(network):
			d.Report(t.Node, diag.Warning, fmt.Sprintf("%s: %s is the address of no client, so it never matches", key, t.S),
				example+"; 0.0.0.0/0 and ::/0 are every address")
		}
		networks = append(networks, network)
	}
	return networks
}
