package rules

import (
	"cmp"
	"fmt"
	"time"
)

// settingsSpec is what stands under settings:.
type settingsSpec struct {
	At        raw  `yaml:"-"`
	QaseURL   text `yaml:"qase_url"`
	Timezone  text `yaml:"timezone"`
	Retention struct {
		Events   time.Duration `yaml:"events"`
		Dead     time.Duration `yaml:"dead"`
		Entities time.Duration `yaml:"entities"`
	} `yaml:"retention"`
	OrderWait time.Duration `yaml:"order_wait"`
	Backlog   struct {
		Deliveries *amount `yaml:"deliveries"`
		Bytes      *size   `yaml:"bytes"`
	} `yaml:"backlog"`
	MinFreeDisk *size `yaml:"min_free_disk"`
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

func (b *builder) buildSettings() {
	b.settings = Settings{
		QaseURL: defaultQaseURL, Location: time.UTC,
		Retention: Retention{defaultEventsRetention, defaultDeadRetention, defaultMemory},
		OrderWait: defaultOrderWait, Backlog: Backlog{defaultBacklog, defaultBacklogBytes}, MinFreeDisk: defaultMinFreeDisk,
	}
	var first *openFile
	for _, f := range b.files {
		spec := f.spec.Settings
		switch {
		case spec == nil:
		case first != nil:
			f.report(spec.At.node, Error, "settings stand in two files", "keep those in "+first.name)
		default:
			first = f
			b.takeSettings(f, spec)
		}
	}
}

func (b *builder) takeSettings(f *openFile, spec *settingsSpec) {
	if t := spec.QaseURL; t.given() && t.s != "" {
		b.settings.QaseURL = f.baseURL(t, "settings.qase_url", defaultQaseURL)
	}
	if t := spec.Timezone; t.given() && t.s != "" {
		location, err := time.LoadLocation(t.s)
		if err != nil {
			f.report(t.node, Error, fmt.Sprintf("settings.timezone: no time zone %q", t.s), "names are like Europe/Berlin or UTC")
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
