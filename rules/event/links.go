package event

import (
	"net/url"
	"strings"
)

// Thing is what an event is about. name is that of the event, or just the type of the thing; fields is what is known of it.
type Entity struct {
	Name, Project, ID string
	Fields            map[string]any
}

// URL returns the page in the Qase web app about a thing, or "" without a project code. Where the app is known to have no
// page for its kind, or none that can be told from what is known, that is the nearest one: the list it was deleted
// from, the test case that a review is about, the run that a result belongs to, or the project.
//
// base is Settings.QaseURL. Code, id and fields come from events: whatever they hold stays within its part of the path.
func (t Entity) URL(base string) string {
	project, id := t.Project, t.ID
	if !isPathPart(project) {
		return ""
	}
	kind, action, _ := strings.Cut(t.Name, ".")
	if action == "deleted" || !isPathPart(id) {
		id = ""
	}
	switch kind {
	case "result":
		kind, id = "run", firstID(t.Fields, "run_id", "run")
	case "review":
		kind, id = "case", firstID(t.Fields, "case_id")
	}
	return base + entityPath(kind, url.PathEscape(project), id)
}

// entityPath knows the paths of the web app, as they stand in Qase's reporters and in links that people share.
func entityPath(kind, project, id string) string {
	part := url.PathEscape(id)
	switch {
	case kind == "custom_field":
		return "/workspace/fields"
	case kind == "run" && id != "":
		return "/run/" + project + "/dashboard/" + part
	case kind == "defect" && id != "":
		return "/defect/" + project + "/view/" + part
	case kind == "plan" && id != "":
		return "/plan/" + project + "/" + part
	case kind == "run" || kind == "defect" || kind == "plan":
		return "/" + kind + "/" + project
	case kind == "case" && id != "":
		return "/case/" + project + "-" + part
	case kind == "suite" && id != "":
		return "/project/" + project + "?suite=" + url.QueryEscape(id)
	}
	return "/project/" + project
}

// isPathPart tells whether s can stand in a path: browsers resolve dots even when they are escaped.
func isPathPart(s string) bool { return s != "" && s != "." && s != ".." }

func firstID(fields map[string]any, names ...string) string {
	for _, name := range names {
		if id := IDText(fields[name]); isPathPart(id) {
			return id
		}
	}
	return ""
}
