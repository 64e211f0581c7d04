package pagerduty

// Names for the tests outside the package.
const PagerKey = pagerKey

type PagerEvent = pagerEvent
type PagerOptions = pagerOptions

var NewPager = newPager
var PagerDedup = pagerDedup
