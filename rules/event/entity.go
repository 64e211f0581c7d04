package event

import (
	"net/url"
	"strings"
)

// Entity is the run, defect, case … of an event.
type Entity struct {
	Name        string // the name of the event, or the type of the entity alone
	Project, ID string
	Fields      map[string]any // its known fields
}

// URL returns the page of an entity in the Qase web app, or "" without a project code. An entity without a page of its
// own has the nearest one: the list that it was deleted from, the test case of a review, the run of a result, or the
// project.
//
// base is Settings.QaseURL. The code, the id and the fields come from events: each stays within its part of the path.
func (e Entity) URL(base string) string {
	project, id := e.Project, e.ID
	if !isPathPart(project) {
		return ""
	}
	kind, action, _ := strings.Cut(e.Name, ".")
	if action == "deleted" || !isPathPart(id) {
		id = ""
	}
	switch kind {
	case "result":
		kind, id = "run", firstID(e.Fields, "run_id", "run")
	case "review":
		kind, id = "case", firstID(e.Fields, "case_id")
	}
	return entityPage(base, kind, url.PathEscape(project), id)
}

// entityPage returns a page of the web app. The paths are those of Qase's reporters and of shared links.
func entityPage(base, kind, project, id string) string {
	part := url.PathEscape(id)
	switch {
	case kind == "custom_field":
		return base + "/workspace/fields"
	case kind == "run" && id != "":
		return base + "/run/" + project + "/dashboard/" + part
	case kind == "defect" && id != "":
		return base + "/defect/" + project + "/view/" + part
	case kind == "plan" && id != "":
		return base + "/plan/" + project + "/" + part
	case kind == "run" || kind == "defect" || kind == "plan":
		return base + "/" + kind + "/" + project
	case kind == "case" && id != "":
		return base + "/case/" + project + "-" + part
	case kind == "suite" && id != "":
		return base + "/project/" + project + "?suite=" + url.QueryEscape(id)
	}
	return base + "/project/" + project
}

// isPathPart reports whether s can be a part of a path: browsers resolve dots even if they are escaped.
func isPathPart(s string) bool { return s != "" && s != "." && s != ".." }

func firstID(fields map[string]any, names ...string) string {
	for _, name := range names {
		id := fields[name]
		if object, isObject := id.(map[string]any); isObject {
			id = object["id"]
		}
		if text := IDText(id); isPathPart(text) {
			return text
		}
	}
	return ""
}
