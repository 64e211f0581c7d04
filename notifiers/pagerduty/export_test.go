package pagerduty

// Names for the tests outside the package.
const PagerKey = pagerKey

type PagerEvent = pagerEvent

var NewPager = newNotifier
var PagerDedup = pagerDedup
