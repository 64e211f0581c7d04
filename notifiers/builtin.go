package notifiers

// Builtin returns the kinds of notifiers there are.
func Builtin() []Kind {
	return []Kind{
		slackKind(),
		emailKind(),
		httpKind(),
		teamsKind(),
		discordKind(),
		telegramKind(),
		googleKind(),
		mattermostKind(),
		pagerKind(),
		ntfyKind(),
	}
}
