// Package effective shows the configuration that a relay would run with, without its secrets.
package effective

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"

	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"

	"qaserelay/cmd/qase-relay/flags"
	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/notifiers"
	"qaserelay/relay/config"
	"qaserelay/rules"
	"qaserelay/rules/failures"
)

// view is what a relay would run with, without secrets.
type view struct {
	Flags     []flagValue      `yaml:"flags"`
	Settings  map[string]any   `yaml:"settings"`
	Sources   []map[string]any `yaml:"sources"`
	Notifiers []map[string]any `yaml:"notifiers"`
	Rules     []string         `yaml:"rules"`
}

// flagValue is a flag of serve, and where its value comes from: flag, default, or the name of a variable.
type flagValue struct {
	Name  string `yaml:"name"`
	Value string `yaml:"value"`
	From  string `yaml:"from"`
}

// Options say what is printed, and how.
type Options struct {
	Flags  *pflag.FlagSet // of serve
	Store  string         // the URL of the store without its password
	Config *config.Config
	JSON   bool
}

// Print prints the flags and the configuration.
func Print(c *terminal.Console, o Options) error {
	cfg := o.Config
	v := view{Flags: flagValues(o.Flags, o.Store), Settings: settingsOf(&cfg.Settings), Rules: cfg.Rules.Names()}
	if err := v.add(cfg); err != nil {
		return err
	}
	text, err := yaml.Marshal(v)
	if err != nil {
		return fmt.Errorf("printing the configuration: %w", err)
	}
	hidden := cfg.Hide(string(text))
	if !o.JSON {
		c.Out.Printf("%s", terminal.Printable(hidden))
		return nil
	}
	var all any
	if err := yaml.Unmarshal([]byte(hidden), &all); err != nil {
		return fmt.Errorf("printing the configuration: %w", err)
	}
	return c.WriteJSON(all)
}

// settingsOf returns the settings under their names in the rules file.
func settingsOf(s *rules.Settings) map[string]any {
	return map[string]any{
		"qase_url":        s.QaseURL,
		"timezone":        s.Location.String(),
		"retention":       map[string]any{"events": s.Retention.Events, "dead": s.Retention.Dead, "entities": s.Retention.Entities},
		"order_wait":      s.OrderWait,
		"backlog":         map[string]any{"deliveries": s.Backlog.Deliveries, "bytes": s.Backlog.Bytes},
		"min_free_disk":   s.MinFreeDisk,
		"trusted_proxies": listOf(s.TrustedProxies),
		"emoji":           !s.NoEmoji,
		"silences":        map[string]any{"max": s.SilenceMax},
		"catch_up":        s.CatchUp,
		"search":          map[bool]string{true: "off", false: "on"}[s.NoSearch],
	}
}

// listOf returns networks as texts.
func listOf(networks []netip.Prefix) []string {
	all := []string{}
	for _, n := range networks {
		all = append(all, n.String())
	}
	return all
}

// add adds the sources and the notifiers.
func (v *view) add(cfg *config.Config) error {
	for i := range cfg.Sources {
		s := &cfg.Sources[i]
		source := map[string]any{"name": s.Name, "secrets": len(s.Secrets), "api_token": s.APIToken() != ""}
		if len(s.Projects) > 0 {
			source["projects"] = s.Projects
		}
		if len(s.AllowFrom) > 0 {
			source["allow_from"] = listOf(s.AllowFrom)
		}
		if s.APIToken() != "" {
			source["api_url"], source["failures"] = s.APIURL, askedOf(s.Failures)
		}
		v.Sources = append(v.Sources, source)
	}
	for _, listed := range cfg.Config.Notifiers {
		notifier, err := plain(listed.Config)
		if err != nil {
			return err
		}
		if len(listed.Defaults) > 0 {
			var options any
			if err := json.Unmarshal(config.MaskOptions(listed.Defaults), &options); err != nil {
				return fmt.Errorf("notifier %s: %w", listed.Name, err)
			}
			notifier["options"] = options
		}
		notifier["name"], notifier["type"] = listed.Name, listed.Type
		v.Notifiers = append(v.Notifiers, notifier)
	}
	return nil
}

// askedOf returns failures of a source that asks Qase, under their names in the rules file.
func askedOf(s failures.Settings) any {
	if s.Off {
		return "off"
	}
	return map[string]any{"wait": s.Wait, "most": s.Most, "reasons": !s.NoReasons, "owner_field": s.OwnerField}
}

// flagValues returns the flags of serve. Values that are secret are masked.
func flagValues(set *pflag.FlagSet, store string) (all []flagValue) {
	set.VisitAll(func(f *pflag.Flag) {
		v := flagValue{Name: f.Name, Value: f.Value.String(), From: "default"}
		switch {
		case f.Name == "help" || f.Name == "json":
			return
		case f.Changed:
			v.From = "flag"
		case os.Getenv(flags.Variable(f.Name)) != "":
			v.From = flags.Variable(f.Name)
		}
		switch {
		case f.Name == "store":
			v.Value = store
		case flags.IsSecret(f) && v.Value != "":
			v.Value = notifiers.Hidden
		}
		all = append(all, v)
	})
	return all
}

// plain returns a value as a map, without what is empty.
func plain(value any) (map[string]any, error) {
	text, err := yaml.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("printing the configuration: %w", err)
	}
	all := map[string]any{}
	if err := yaml.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("printing the configuration: %w", err)
	}
	return withoutEmpty(all), nil
}

func withoutEmpty(all map[string]any) map[string]any {
	for key, value := range all {
		switch v := value.(type) {
		case map[string]any:
			if len(withoutEmpty(v)) == 0 {
				delete(all, key)
			}
		case []any:
			if len(v) == 0 {
				delete(all, key)
			}
		case nil:
			delete(all, key)
		default:
			if v == "" || v == 0 || v == false || v == "0s" {
				delete(all, key)
			}
		}
	}
	return all
}
