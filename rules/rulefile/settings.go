package rulefile

import (
	"cmp"
	"fmt"
	"time"

	"qaserelay/rules"
	"qaserelay/rules/diag"
	"qaserelay/rules/value"
	"qaserelay/rules/yamldoc"
)

// settingsSpec is what stands under settings:.
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
	MinFreeDisk *value.Size `yaml:"min_free_disk"`
}

// Defaults of the settings.
const (
	defaultQaseURL         = "https://app.qase.io"
	defaultEventsRetention = 30 * 24 * time.Hour
	defaultDeadRetention   = 90 * 24 * time.Hour
	defaultMemory          = 90 * 24 * time.Hour
	defaultOrderWait       = time.Hour
	defaultBacklog         = 1_000_000
	defaultBacklogBytes    = 10 << 30
	defaultMinFreeDisk     = 64 << 20
)

func (b *Builder) buildSettings() {
	b.settings = rules.Settings{
		QaseURL: defaultQaseURL, Location: time.UTC,
		Retention: rules.Retention{Events: defaultEventsRetention, Dead: defaultDeadRetention, Entities: defaultMemory},
		OrderWait: defaultOrderWait, Backlog: rules.Backlog{Deliveries: defaultBacklog, Bytes: defaultBacklogBytes}, MinFreeDisk: defaultMinFreeDisk,
	}
	var first *OpenFile
	for _, f := range b.Files {
		spec := f.Spec.Settings
		switch {
		case spec == nil:
		case first != nil:
			f.Report(spec.At.Node, diag.Error, "settings stand in two files", "keep those in "+first.Name)
		default:
			first = f
			b.takeSettings(f, spec)
		}
	}
}

func (b *Builder) takeSettings(f *OpenFile, spec *settingsSpec) {
	if t := spec.QaseURL; t.Given() && t.S != "" {
		b.settings.QaseURL = f.baseURL(t, "settings.qase_url", defaultQaseURL)
	}
	if t := spec.Timezone; t.Given() && t.S != "" {
		location, err := time.LoadLocation(t.S)
		if err != nil {
			f.Report(t.Node, diag.Error, fmt.Sprintf("settings.timezone: no time zone %q", t.S), "names are like Europe/Berlin or UTC")
			return
		}
		b.settings.Location = location
	}
	keep, given := &b.settings.Retention, spec.Retention
	keep.Events = cmp.Or(given.Events, keep.Events)
	keep.Dead = cmp.Or(given.Dead, keep.Dead)
	keep.Entities = cmp.Or(given.Entities, keep.Entities)
	s := &b.settings
	s.OrderWait = cmp.Or(spec.OrderWait, s.OrderWait)
	if n := spec.Backlog.Deliveries; n != nil {
		s.Backlog.Deliveries = int(*n)
	}
	if n := spec.Backlog.Bytes; n != nil {
		s.Backlog.Bytes = int64(*n)
	}
	if n := spec.MinFreeDisk; n != nil {
		s.MinFreeDisk = int64(*n)
	}
}
