package e2e

// obsFiles are OBS's configuration. Without a collection of scenes it would not begin to stream, but make one first.
var obsFiles = map[string]string{
	"global.ini": `
[General]
FirstRun=true
LastVersion=486539266
EnableAutoUpdates=false
[Basic]
Profile=test
ProfileDir=test
SceneCollection=test
SceneCollectionFile=test
[OBSWebSocket]
FirstLoad=false
ServerEnabled=false
`,
	"basic/profiles/test/basic.ini": `
[General]
Name=test
[Video]
BaseCX=320
BaseCY=180
OutputCX=320
OutputCY=180
FPSCommon={{.Rate}}
[Output]
Mode=Simple
[SimpleOutput]
VBitrate=300
ABitrate=64
StreamEncoder=x264
UseAdvanced=true
Preset=ultrafast
x264Settings=keyint={{.Rate}}
`,
	"basic/profiles/test/service.json": `{"type": "rtmp_custom", "settings": {"server": "{{.Server}}", "key": "{{.Key}}", "use_auth": false}}`,
	"basic/scenes/test.json": `
{"name": "test", "current_scene": "Scene", "current_program_scene": "Scene", "scene_order": [{"name": "Scene"}],
 "modules": {"output-timer": {"autoStartStreamTimer": true, "streamTimerHours": 0, "streamTimerMinutes": 0, "streamTimerSeconds": {{.Seconds}}}},
 "sources": [
  {"id": "color_source", "versioned_id": "color_source_v3", "name": "Color", "settings": {"color": 4278255360, "width": 320, "height": 180}},
  {"id": "scene", "versioned_id": "scene", "name": "Scene", "settings": {"id_counter": 1, "custom_size": false, "items": [
   {"name": "Color", "id": 1, "visible": true, "pos": {"x": 0.0, "y": 0.0}, "scale": {"x": 1.0, "y": 1.0}}]}}]}
`,
}
