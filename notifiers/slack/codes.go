package slack

import (
	"cmp"
	"slices"
	"strings"

	"qaserelay/notifiers"
)

// codeClass is a group of error codes with its meaning for a delivery.
type codeClass struct {
	reason string
	advice string // how to fix a permanent failure; empty means retry
	codes  string
}

// class returns the class of a code, or the zero value for an unknown code.
func (r refusal) class() codeClass {
	// These codes have suffixes.
	for _, family := range []string{"invalid_blocks", "invalid_attachments", "invalid_metadata"} {
		if strings.HasPrefix(r.code, family) {
			r.code = family
		}
	}
	for _, c := range slices.Concat(transientCodes(), r.access(), r.places(), r.content()) {
		if r.code != "" && slices.Contains(strings.Fields(c.codes), r.code) {
			return c
		}
	}
	return codeClass{}
}

// The codes are all that are documented for the methods in use (https://docs.slack.dev/reference/methods):
// chat.postMessage, chat.update, users.lookupByEmail, conversations.open, users.conversations and auth.test; and for
// incoming webhooks (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks).

// transientCodes are the codes of failures that pass without a fix.
func transientCodes() []codeClass {
	return []codeClass{
		{notifiers.ReasonRate, "", "ratelimited rate_limited message_limit_exceeded"},
		{notifiers.ReasonServer, "",
			"internal_error fatal_error service_unavailable request_timeout rollup_error update_failed"},
		{notifiers.ReasonServer, "",
			"team_added_to_org org_login_required external_channel_migrating streaming_state_conflict"},
	}
}

// permanent returns the classes of failures that need a fix. Each pair is an advice and its codes.
func permanent(reason string, pairs [][2]string) []codeClass {
	classes := make([]codeClass, len(pairs))
	for i, p := range pairs {
		classes[i] = codeClass{reason, p[0], p[1]}
	}
	return classes
}

// access are the codes about the token and its permissions.
func (r refusal) access() []codeClass {
	scope := cmp.Or(notifiers.Cut(notifiers.OneLine(r.needed), 200),
		"chat:write (chat:write.public for channels it is not in)")
	return permanent(notifiers.ReasonAuth, [][2]string{
		{"put a valid bot token (xoxb-…) of an installed app into token",
			"invalid_auth not_authed token_revoked token_expired account_inactive not_allowed_token_type"},
		{"give the app the scope " + scope + " in OAuth & Permissions, and install it again",
			"missing_scope no_permission"},
		{"ask an admin of the workspace to give the app access to it",
			`access_denied ekm_access_denied team_access_not_granted org_login_required_for_app
			enterprise_is_restricted`},
		{"ask an admin of the workspace to allow the address of this machine", "accesslimited"},
		{"set up two-factor authentication for the account that installed the app", "two_factor_setup_required"},
		{"make a new incoming webhook and put its URL into webhook_url",
			"no_service no_team no_service_id no_active_hooks team_disabled invalid_webhook invalid_token"},
	})
}

// places are the codes about the destination of a message.
func (r refusal) places() []codeClass {
	there := cmp.Or(notifiers.Cut(r.place, 100), "the channel")
	return permanent(notifiers.ReasonClient, [][2]string{
		{"check the channel's name, and invite the app to " + there + ": /invite @your-app",
			"channel_not_found not_in_channel"},
		{"write the id of the channel (C…) in place of its name, since the token is for several workspaces",
			"team_not_found"},
		{"unarchive " + there + ", or write another one", "is_archived channel_is_archived is_inactive"},
		{"ask an admin of the workspace to let the app post to " + there + ", or write another one",
			`action_prohibited posting_to_general_channel_denied restricted_action
			restricted_action_read_only_channel restricted_action_thread_only_channel
			restricted_action_non_threadable_channel restricted_action_thread_locked`},
		{"switch on the Messages Tab in the App Home of the app, or write a channel", "messages_tab_disabled"},
		{"write a channel or member that exists",
			"user_not_found user_disabled user_not_visible cannot_dm_bot not_enough_users users_list_not_supplied"},
		{"no member of the workspace has that address; correct it", "users_not_found"},
		{"at most 8 people can get a message together; write a channel", "too_many_users"},
		{"these people share no channel with each other; write to each of them, or to a channel",
			"invalid_user_combination"},
	})
}

// content are the codes about the content of a message and about the request.
func (r refusal) content() []codeClass {
	return permanent(notifiers.ReasonClient, [][2]string{
		{"Slack does not take this message; change its title, body or options",
			`no_text msg_too_long msg_blocks_too_long too_many_attachments attachment_payload_limit_exceeded
			too_many_contact_cards missing_text_or_fallback_or_attachments invalid_arguments invalid_payload
			invalid_blocks block_mismatch invalid_attachments invalid_metadata metadata_too_large
			metadata_must_be_sent_from_app markdown_text_conflict message_not_found cant_update_message
			edit_window_closed thread_not_found cannot_reply_to_message cant_broadcast_message
			no_dual_broadcast_content_update`},
		{"leave the file, canvas or list out of the message that it shows or links to, or ask an admin of the " +
			"workspace to allow it",
			`file_deleted file_is_deleted file_not_found file_share_limit_reached max_file_sharing_exceeded
			missing_file_data unable_to_share_files blocked_file_type posting_to_channel_denied
			slack_connect_blocked_file_type slack_connect_canvas_sharing_blocked slack_connect_clip_sharing_blocked
			slack_connect_file_link_sharing_blocked slack_connect_file_upload_sharing_blocked
			slack_connect_lists_sharing_blocked`},
		{"Slack does not understand the request; see whether api_url and proxies between lead to it unchanged, and " +
			"whether there is a newer release of qase-relay",
			`invalid_arg_name invalid_array_arg invalid_charset invalid_form_data invalid_json json_not_object
			invalid_post_type missing_post_type invalid_cursor invalid_limit invalid_types unknown_method
			method_deprecated deprecated_endpoint upgrade_required method_not_supported_for_channel_type
			as_user_not_supported duplicate_channel_not_found duplicate_message_not_found draft_already_deleted
			draft_already_sent draft_has_conflict draft_not_found`},
	})
}
