package slack

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"qaserelay/notifiers"
)

// refuses says with which error Slack refuses a message, or "". Blocks and attachments are JSON, or empty.
func refuses(text, blocks, attachments string) string {
	var shown []map[string]any
	var old []map[string]any
	if json.Unmarshal([]byte(orList(blocks)), &shown) != nil {
		return "invalid_blocks_format"
	}
	if json.Unmarshal([]byte(orList(attachments)), &old) != nil {
		return "invalid_attachments"
	}
	if strings.TrimSpace(text) == "" && len(shown)+len(old) == 0 {
		return "no_text"
	}
	total := 0
	if !goodBlocks(shown, &total) {
		return "invalid_blocks"
	}
	for _, a := range old {
		if !goodAttachment(a, &total) {
			return "invalid_attachments"
		}
	}
	if total > 13_200 {
		return "msg_blocks_too_long"
	}
	return ""
}

func orList(list string) string {
	if list == "" {
		return "[]"
	}
	return list
}

// goodBlocks counts the characters of all texts on the way.
func goodBlocks(blocks []map[string]any, total *int) bool {
	return len(blocks) <= 50 && !slices.ContainsFunc(blocks,
		func(b map[string]any) bool { return !goodBlock(b, total) })
}

func goodBlock(b map[string]any, total *int) bool {
	fields, _ := b["fields"].([]any)
	elements, _ := b["elements"].([]any)
	switch b["type"] {
	case "header":
		text, _ := b["text"].(map[string]any)
		line, _ := text["text"].(string)
		return text["type"] == "plain_text" && !strings.Contains(line, "\n") && goodText(text, 150, total)
	case "section":
		return (b["text"] != nil || b["fields"] != nil) &&
			(b["text"] == nil || goodText(b["text"], 3000, total)) &&
			(b["fields"] == nil || goodTexts(fields, 10, 2000, total))
	case "context":
		return goodTexts(elements, 10, 3000, total)
	case "actions":
		return len(elements) > 0 && len(elements) <= 25
	case nil, "":
		return false
	}
	return true
}

func goodTexts(texts []any, most, limit int, total *int) bool {
	return len(texts) > 0 && len(texts) <= most &&
		!slices.ContainsFunc(texts, func(v any) bool { return !goodText(v, limit, total) })
}

func goodText(v any, limit int, total *int) bool {
	object, _ := v.(map[string]any)
	text, _ := object["text"].(string)
	*total += notifiers.Units(text)
	return text != "" && notifiers.Units(text) <= limit &&
		(object["type"] == "mrkdwn" || object["type"] == "plain_text")
}

// goodAttachment knows that blocks go with no fields of the old kind but colour and fallback, and that old buttons need
// a place to lead to.
func goodAttachment(a map[string]any, total *int) bool {
	var blocks []map[string]any
	list, _ := a["blocks"].([]any)
	for _, b := range list {
		block, _ := b.(map[string]any)
		blocks = append(blocks, block)
	}
	for key, v := range a {
		if len(blocks) > 0 && v != nil && !slices.Contains([]string{"blocks", "color", "fallback"}, key) {
			return false
		}
	}
	actions, _ := a["actions"].([]any)
	for _, v := range actions {
		action, _ := v.(map[string]any)
		text, _ := action["text"].(string)
		link, _ := action["url"].(string)
		if action["type"] != "button" || text == "" || !strings.HasPrefix(link, "https://") &&
			!strings.HasPrefix(link, "http://") {
			return false
		}
	}
	return len(actions) <= 5 && a["fallback"] != "" && goodBlocks(blocks, total)
}

func TestSlackRefusesWhatItCannotShow(t *testing.T) {
	text := func(n int) string { return `{"type":"mrkdwn","text":"` + strings.Repeat("x", n) + `"}` }
	header := func(n int) string {
		return `[{"type":"header","text":{"type":"plain_text","text":"` + strings.Repeat("x", n) + `"}}]`
	}
	many := func(n int, one string) string { return "[" + strings.Repeat(one+",", n-1) + one + "]" }
	button := `{"type":"button","text":"Open","url":"https://q/1"}`
	for _, c := range []struct{ name, blocks, attachments, want string }{
		{"a header of 150 characters", header(150), "", ""},
		{"one of 151", header(151), "", "invalid_blocks"},
		{"an empty one", header(0), "", "invalid_blocks"},
		{"ten fields", `[{"type":"section","fields":` + many(10, text(900)) + `}]`, "", ""},
		{"eleven", `[{"type":"section","fields":` + many(11, text(1)) + `}]`, "", "invalid_blocks"},
		{"a long field", `[{"type":"section","fields":` + many(1, text(2001)) + `}]`, "", "invalid_blocks"},
		{"51 blocks", many(51, `{"type":"divider"}`), "", "invalid_blocks"},
		{"too much in all", many(5, `{"type":"section","text":`+text(2900)+`}`), "", "msg_blocks_too_long"},
		{"blocks beside a button of the old kind", "", `[{"fallback":"x","blocks":[{"type":"divider"}],"actions":[` +
			button + `]}]`, "invalid_attachments"},
		{"five buttons", "", `[{"fallback":"x","blocks":null,"actions":` + many(5, button) + `}]`, ""},
		{"six", "", `[{"fallback":"x","actions":` + many(6, button) + `}]`, "invalid_attachments"},
		{"nothing at all", "", "", "no_text"},
	} {
		if got := refuses("", c.blocks, c.attachments); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
