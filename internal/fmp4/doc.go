// Package fmp4 turns a live FLV stream into a live fragmented MP4, as browsers take it through Media Source Extensions. Why it is done as it is:
// docs/fmp4.md.
package fmp4
