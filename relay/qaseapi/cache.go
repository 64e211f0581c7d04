package qaseapi

import (
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// cache keeps answers for a while, the least used ones first to go. It is not safe for use from several goroutines.
type cache[V any] struct {
	lru *simplelru.LRU[string, kept[V]]
}

type kept[V any] struct {
	value   V
	expires time.Time
}

func newCache[V any](most int) cache[V] {
	lru, err := simplelru.NewLRU[string, kept[V]](most, nil)
	if err != nil {
		panic(err) // the size is positive
	}
	return cache[V]{lru}
}

func (c cache[V]) get(key string, now time.Time) (value V, known bool) {
	k, known := c.lru.Get(key)
	if !known || !now.Before(k.expires) {
		return value, false
	}
	return k.value, true
}

func (c cache[V]) put(key string, value V, expires time.Time) {
	c.lru.Add(key, kept[V]{value, expires})
}

func (c cache[V]) drop(key string) { c.lru.Remove(key) }
