package slack

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"qaserelay/notifiers"
)

// advise checks a message option as it is written: an incoming webhook cannot do all of them, and Slack refuses some
// blocks.
func advise(config any, option string, value any) []notifiers.Advice {
	c := config.(*Config)
	if c.WebhookURL.IsSet() && !c.Token.IsSet() {
		if a := webhookAdvice(option, value); a.Message != "" {
			return []notifiers.Advice{a}
		}
	}
	if option == "blocks" {
		return adviseBlocks(value)
	}
	return nil
}

// webhookAdvice explains how an incoming webhook treats an option that needs a bot token.
func webhookAdvice(option string, value any) notifiers.Advice {
	const hint = "write a bot token in place of webhook_url"
	does := map[string]string{
		"channel":   "posts to its own channel and ignores this option",
		"dm":        "cannot write to a person: the message goes to its channel and mentions them",
		"thread":    "knows no threads: each message stands for itself",
		"broadcast": "knows no threads: each message stands for itself",
		"update":    "cannot change a message: each one is posted anew",
	}[option]
	if does != "" {
		return notifiers.Advice{Message: option + ": an incoming webhook " + does, Hint: hint}
	}
	isAddress := func(s string) bool { _, address := splitAddress(s); return address != "" }
	if option == "mention" && slices.ContainsFunc(notifiers.Texts(value), isAddress) {
		return notifiers.Advice{Message: "mention: an incoming webhook cannot look up an address: people without " +
			"slack: in people: are not notified", Hint: hint + ", or give the person a Slack ID: people: [{name: Bob Bar, slack: U024BE7LH}]"}
	}
	return notifiers.Advice{}
}

// blockTypes are the blocks that messages can have (https://docs.slack.dev/reference/block-kit/blocks).
func blockTypes() []string {
	return []string{
		"actions", "alert", "auth_provider", "call", "card", "carousel", "container", "context", "context_actions",
		"data_table", "data_visualization", "divider", "file", "header", "image", "input", "layout", "markdown", "plan",
		"rich_text", "section", "table", "task_card", "video",
	}
}

// adviseBlocks checks blocks. The length of a text with templates is only known when it is rendered.
func adviseBlocks(value any) []notifiers.Advice {
	list, isList := value.([]any)
	if !isList {
		return []notifiers.Advice{{Wrong: true, Message: "blocks must be a list",
			Hint: "write - {type: section, text: {type: mrkdwn, text: …}}"}}
	}
	var all []notifiers.Advice
	if len(list) > maxBlocks {
		all = append(all, notifiers.Advice{Path: []string{strconv.Itoa(maxBlocks)}, Wrong: true,
			Message: fmt.Sprintf("there are %d blocks, and Slack takes %d", len(list), maxBlocks),
			Hint:    "put several lines into one section"})
	}
	for i, one := range list {
		all = append(all, adviseBlock([]string{strconv.Itoa(i)}, one)...)
	}
	return all
}

func adviseBlock(path []string, value any) []notifiers.Advice {
	block, isMapping := value.(map[string]any)
	kind, _ := block["type"].(string)
	switch {
	case !isMapping:
		return []notifiers.Advice{{Path: path, Wrong: true, Message: "a block must be a mapping",
			Hint: "write {type: section, text: {type: mrkdwn, text: …}}"}}
	case kind == "":
		return []notifiers.Advice{{Path: path, Wrong: true, Message: "a block needs a type",
			Hint: "such as section, header, context or divider"}}
	case strings.Contains(kind, "{{"):
		return nil
	case !slices.Contains(blockTypes(), kind):
		return []notifiers.Advice{{Path: append(path, "type"),
			Message: "Slack probably has no block type " + strconv.Quote(kind),
			Hint:    "available: " + strings.Join(blockTypes(), ", ")}}
	}
	all := adviseTexts(path, block, maxSection)
	if !isWhole(kind, withoutEmpty(block)) {
		missing := map[string]string{"image": "image_url", "context": "elements", "actions": "elements",
			"rich_text": "elements"}[kind]
		if missing == "" {
			missing = "text"
		}
		all = append(all, notifiers.Advice{Path: path, Wrong: true, Message: "a block " + kind + " needs " + missing,
			Hint: "Slack refuses it without"})
	}
	return all
}

// withoutEmpty returns object without empty lists, which sending leaves out too.
func withoutEmpty(object map[string]any) map[string]any {
	fit := maps.Clone(object)
	maps.DeleteFunc(fit, func(_ string, v any) bool { list, isList := v.([]any); return isList && len(list) == 0 })
	return fit
}

// adviseTexts checks the texts of an object. Its own text may have limit characters.
func adviseTexts(path []string, object map[string]any, limit int) []notifiers.Advice {
	kind, _ := object["type"].(string)
	if text, isText := object["text"].(string); isText {
		return adviseText(append(slices.Clip(path), "text"), kind, text, limit)
	}
	var all []notifiers.Advice
	if alt, _ := object["alt_text"].(string); kind == "image" && alt == "" {
		all = append(all, notifiers.Advice{Path: path, Message: "an image without alt_text is read out as “image”",
			Hint: "describe the image in alt_text; Slack requires it"})
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		at, limit := append(slices.Clip(path), key), textLimit(kind, key)
		if inner, isObject := object[key].(map[string]any); isObject {
			all = append(append(all, adviseTextType(at, kind, inner)...), adviseTexts(at, inner, limit)...)
		}
		list, isList := object[key].([]any)
		if isList && len(list) == 0 {
			all = append(all, notifiers.Advice{Path: at, Message: key + " is empty, and left out",
				Hint: "fill it or remove it; Slack refuses an empty one"})
		}
		for i, one := range list {
			if inner, isObject := one.(map[string]any); isObject {
				all = append(all, adviseTexts(append(slices.Clip(at), strconv.Itoa(i)), inner, limit)...)
			}
		}
	}
	return all
}

// adviseTextType checks the type of the text object below the key text of an object of a kind.
func adviseTextType(at []string, kind string, text map[string]any) []notifiers.Advice {
	takes := map[string][]string{"section": {"mrkdwn", "plain_text"}, "header": {"plain_text"},
		"button": {"plain_text"}}[kind]
	written, _ := text["type"].(string)
	if at[len(at)-1] != "text" || takes == nil || strings.Contains(written, "{{") || slices.Contains(takes, written) {
		return nil
	}
	return []notifiers.Advice{{Path: append(slices.Clone(at), "type"), Wrong: true,
		Message: fmt.Sprintf("the text of a %s cannot be of type %q", kind, written),
		Hint:    "write type: " + strings.Join(takes, " or ")}}
}

func adviseText(path []string, kind, text string, limit int) []notifiers.Advice {
	objectType := map[string]string{"section": "mrkdwn", "header": "plain_text", "button": "plain_text"}[kind]
	switch {
	case objectType != "":
		return []notifiers.Advice{{Path: path, Wrong: true, Message: "the text of a " + kind + " must be an object",
			Hint: "write text: {type: " + objectType + ", text: …}"}}
	case kind != "markdown" && !strings.Contains(text, "{{") && notifiers.Units(text) > limit:
		return []notifiers.Advice{{Path: path, Hint: "split it",
			Message: fmt.Sprintf("the text has %d characters; Slack takes %d, and the rest is cut",
				notifiers.Units(text), limit)}}
	}
	return nil
}
