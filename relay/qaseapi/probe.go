package qaseapi

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"qaserelay/rules"
)

// maxProbed is how many projects of a source are tried.
const maxProbed = 10

// Probe tries whether a source can ask Qase what the relay wants to know, and changes nothing. It returns a sentence
// about what works, or an error that says what to do.
func (c *Client) Probe(ctx context.Context, s *rules.Source) (said string, err error) {
	r := request{source: s}
	codes := s.Projects[:min(len(s.Projects), maxProbed)]
	if len(codes) == 0 {
		r.endpoint, r.path = "project", "/project?limit=1"
		codes, err = fetch(ctx, c, r, readCodes)
		if err != nil {
			return "", probeError(err, "the projects")
		}
		if len(codes) == 0 {
			return "the token is accepted, but it sees no project; give the user who made it a role in one", nil
		}
	}
	for _, code := range codes {
		r.project = code
		r.endpoint, r.path = "project", projectPath(code)
		if _, err := fetch(ctx, c, r, readThing); err != nil {
			return "", probeError(err, "the project "+code)
		}
		r.endpoint, r.path = "result", "/result/"+url.PathEscape(code)+"?limit=1"
		if _, err := fetch(ctx, c, r, readThing); err != nil {
			return "", probeError(err, "the results of "+code)
		}
	}
	said = "the token is accepted, and the results of " + strings.Join(codes, ", ") + " can be read; "
	query := fmt.Sprintf(`entity = "case" and project = "%s" and id in [1]`, codes[0])
	r.project, r.endpoint, r.path = codes[0], "search", "/search?limit=1&query="+url.QueryEscape(query)
	_, err = fetch(ctx, c, r, readThing)
	switch f := failureOf(err); {
	case f == nil:
		said += "search is available"
	case f.cause == refused || f.cause == missing || f.cause == rejected:
		said += "without search in this plan of Qase, titles of tests are read one by one"
	default:
		said += "search was not tried: " + f.said
	}
	return said, nil
}

// readCodes reads the codes of the first of some projects.
func readCodes(s stream) (codes []string, err error) {
	_, err = readPage(s, func(s stream) (code string, err error) {
		err = s.object(func(key string) error {
			if key != "code" {
				return s.skip()
			}
			return s.text(&code)
		})
		if code != "" && len(codes) < maxProbed {
			codes = append(codes, code)
		}
		return code, err
	})
	return codes, err
}

// probeError returns an error that says what to do.
func probeError(err error, what string) error {
	f := failureOf(err)
	switch {
	case f.code == 401:
		return errors.New("Qase does not accept the api_token (401): make one in Qase under API tokens, and see whether " +
			"api_url is that of the same workspace")
	case f.cause == refused:
		return fmt.Errorf("the api_token may not read %s (%d): give the user who made it a role that can", what, f.code)
	case f.cause == missing && strings.HasPrefix(what, "the projects"):
		return errors.New("there is no Qase API at api_url (404): it ends in /v1, as https://api.qase.io/v1 does")
	case f.cause == missing:
		return fmt.Errorf("the api_token does not see %s (404): correct the code in projects, or give the user who "+
			"made the token a role in it", what)
	}
	return errors.New(f.Error())
}
