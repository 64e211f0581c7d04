package rulefile

import (
	"cmp"
	"fmt"
	"net/netip"
	"regexp"
	"time"

	"qaserelay/rules"
	"qaserelay/rules/diag"
	"qaserelay/rules/silence"
	"qaserelay/rules/value"
	"qaserelay/rules/yamldoc"
)

// settingsSpec is the value of settings:.
type settingsSpec struct {
	At        yamldoc.Raw  `yaml:"-"`
	QaseURL   yamldoc.Text `yaml:"qase_url"`
	Timezone  yamldoc.Text `yaml:"timezone"`
	Retention struct {
		Events   time.Duration `yaml:"events"`
		Dead     time.Duration `yaml:"dead"`
		Entities time.Duration `yaml:"entities"`
	} `yaml:"retention"`
	OrderWait time.Duration `yaml:"order_wait"`
	Backlog   struct {
		Deliveries *value.Amount `yaml:"deliveries"`
		Bytes      *value.Size   `yaml:"bytes"`
	} `yaml:"backlog"`
	MinFreeDisk    *value.Size    `yaml:"min_free_disk"`
	TrustedProxies []yamldoc.Text `yaml:"trusted_proxies"`
	Emoji          *bool          `yaml:"emoji"`
	Silences       struct {
		Max time.Duration `yaml:"max"`
	} `yaml:"silences"`
	CatchUp *time.Duration `yaml:"catch_up"`
	Search  yamldoc.Text   `yaml:"search"`
}

const defaultQaseURL = "https://app.qase.io"

// defaultSettings are the settings of a file without settings:.
func defaultSettings() rules.Settings {
	const day = 24 * time.Hour
	return rules.Settings{
		QaseURL: defaultQaseURL, Location: time.UTC,
		Retention:   rules.Retention{Events: 30 * day, Dead: 90 * day, Entities: 90 * day},
		OrderWait:   time.Hour,
		Backlog:     rules.Backlog{Deliveries: 1_000_000, Bytes: 10 << 30},
		MinFreeDisk: 64 << 20,
		SilenceMax:  silence.Longest,
		CatchUp:     5 * time.Minute,
	}
}

func parseSettings(documents []*document) rules.Settings {
	s := defaultSettings()
	var first *document
	for _, d := range documents {
		spec := d.spec.Settings
		switch {
		case spec == nil:
		case first != nil:
			d.Report(spec.At.Node, diag.Error, "settings are in two files",
				"those of "+first.Name+" come first: merge them into one")
		default:
			first = d
			d.apply(spec, &s)
		}
	}
	return s
}

// apply sets the settings that are given.
func (d *document) apply(spec *settingsSpec, s *rules.Settings) {
	if t := spec.QaseURL; t.Given() && t.S != "" {
		s.QaseURL = d.baseURL(t, "settings.qase_url", defaultQaseURL)
		if qasePage.MatchString(s.QaseURL) {
			d.Report(t.Node, diag.Warning, "settings.qase_url: it is the address of a page, and links into Qase begin with it",
				"write only the beginning, such as "+defaultQaseURL)
		}
	}
	if t := spec.Timezone; t.Given() && t.S != "" {
		location, err := time.LoadLocation(t.S)
		if err != nil {
			d.Report(t.Node, diag.Error, fmt.Sprintf("settings.timezone: no time zone %q", t.S),
				"names are like Europe/Berlin or UTC")
			return
		}
		s.Location, s.HasZone = location, true
	}
	d.checkRetention(spec)
	s.Retention.Events = cmp.Or(spec.Retention.Events, s.Retention.Events)
	s.Retention.Dead = cmp.Or(spec.Retention.Dead, s.Retention.Dead)
	s.Retention.Entities = cmp.Or(spec.Retention.Entities, s.Retention.Entities)
	s.SilenceMax = cmp.Or(spec.Silences.Max, s.SilenceMax)
	s.OrderWait = cmp.Or(spec.OrderWait, s.OrderWait)
	if wait := spec.CatchUp; wait != nil {
		s.CatchUp = *wait
	}
	if n := spec.Backlog.Deliveries; n != nil {
		s.Backlog.Deliveries = int(*n)
	}
	if n := spec.Backlog.Bytes; n != nil {
		s.Backlog.Bytes = int64(*n)
	}
	if n := spec.MinFreeDisk; n != nil {
		s.MinFreeDisk = int64(*n)
	}
	s.TrustedProxies = d.trustedProxies(spec.TrustedProxies)
	s.NoEmoji = spec.Emoji != nil && !*spec.Emoji
	s.NoSearch = d.turnedOff(spec.Search, "settings.search")
}

// turnedOff reads on, which is the default, or off.
func (d *document) turnedOff(t yamldoc.Text, key string) bool {
	switch {
	case !t.Given(), t.S == "", t.S == "on", t.S == "true":
		return false
	case t.S == "off", t.S == "false":
		return true
	}
	d.Report(t.Node, diag.Error, fmt.Sprintf("%s: want on or off, not %q", key, value.Shorten(t.S, 40)), "")
	return false
}

// qasePage matches the addresses of pages of Qase.
var qasePage = regexp.MustCompile(`^https?://[^/]+(/.*)?/(projects?|run|case|plan|defect|review|login)(/|$)`)

// leastRetention is the shortest time to keep things that makes sense.
const leastRetention = time.Hour

// checkRetention warns of times so short that nothing can be looked up, or retried, any more.
func (d *document) checkRetention(spec *settingsSpec) {
	for key, kept := range map[string]time.Duration{"events": spec.Retention.Events, "dead": spec.Retention.Dead,
		"entities": spec.Retention.Entities} {
		if kept > 0 && kept < leastRetention {
			at := yamldoc.ValueOf(yamldoc.ValueOf(spec.At.Node, "retention"), key)
			d.Report(at, diag.Warning, fmt.Sprintf("settings.retention.%s: after %s nothing is left to look up or to retry", key,
				value.HumanDuration(kept)), "write such as 30d")
		}
	}
}

func (d *document) trustedProxies(texts []yamldoc.Text) []netip.Prefix {
	for _, t := range texts {
		if network, err := value.ParseNetwork(t.S); err == nil && network.Bits() == 0 {
			d.Report(t.Node, diag.Warning,
				"settings.trusted_proxies: every address is trusted, so every sender can claim an address of allow_from",
				"write the addresses of your proxies, such as 10.0.0.0/8")
		}
	}
	return d.networks(texts, "settings.trusted_proxies")
}
