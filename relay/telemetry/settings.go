package telemetry

import (
	"fmt"
	"net/url"
	"strings"
)

// settings say what is exported. What is not here, the exporters read from the environment themselves: headers, timeout,
// compression, certificates, intervals and the sampler.
type settings struct {
	endpoint        string // of the flag, without a slash at its end; empty means the variables
	traces, metrics bool
}

// read returns the settings of the flag and of the standard variables.
func read(o Options) (s settings, err error) {
	if strings.EqualFold(o.Getenv("OTEL_SDK_DISABLED"), "true") {
		return settings{}, nil
	}
	if s.endpoint, err = endpointOf(o.Endpoint); err != nil {
		return settings{}, err
	}
	for _, signal := range []struct {
		name    string
		exports *bool
	}{{"TRACES", &s.traces}, {"METRICS", &s.metrics}} {
		if *signal.exports, err = exports(o, s.endpoint != "", signal.name); err != nil {
			return settings{}, err
		}
	}
	return s, nil
}

func endpointOf(flag string) (string, error) {
	if flag == "" {
		return "", nil
	}
	u, err := url.Parse(flag)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return "", fmt.Errorf("--otlp-endpoint is not an http or https URL, such as http://localhost:4318")
	case u.User != nil || u.RawQuery != "":
		return "", fmt.Errorf("--otlp-endpoint takes no login and no parameters: put them into OTEL_EXPORTER_OTLP_HEADERS")
	}
	return strings.TrimRight(flag, "/"), nil
}

// exports reports whether a signal is exported.
func exports(o Options, byFlag bool, signal string) (bool, error) {
	switch kind := o.Getenv("OTEL_" + signal + "_EXPORTER"); kind {
	case "none":
		return false, nil
	case "", "otlp":
	default:
		return false, fmt.Errorf("OTEL_%s_EXPORTER=%q: write otlp or none; Prometheus reads /metrics at the admin address",
			signal, kind)
	}
	if !byFlag && o.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" &&
		o.Getenv("OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT") == "" {
		return false, nil
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_" + signal + "_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		switch protocol := o.Getenv(name); protocol {
		case "":
			continue
		case "http/protobuf", "http/json":
		default:
			return false, fmt.Errorf("%s=%q: write http/protobuf, and the endpoint of OTLP over HTTP, which has port 4318",
				name, protocol)
		}
		break
	}
	return true, nil
}
