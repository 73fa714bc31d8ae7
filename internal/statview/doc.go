// Package statview shows what a running server does, for rtmp-edge stat: Text once, as plain text; View over and over, on a terminal.
//
// A terminal obeys what it is sent, and streams have the names that their publishers chose. Whatever comes from a server goes through Name or
// is cleaned, and the names stand in the last column, where nothing is right of them that could be moved.
package statview
