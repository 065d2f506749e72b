/** Short names for the types generated from the OpenAPI document. */
import type { components } from './schema';

type Schemas = components['schemas'];

export type Status = Schemas['Status'];
export type IngestAddress = Schemas['IngestAddress'];
export type Stream = Schemas['Stream'];
export type Track = Schemas['Track'];
export type Reader = Schemas['Reader'];
export type Listener = Schemas['Listener'];
export type ListenerPatch = Schemas['ListenerPatch'];
export type Destination = Schemas['Destination'];
export type DestinationState = Schemas['DestinationState'];
export type DestinationCreate = Schemas['DestinationCreate'];
export type DestinationPatch = Schemas['DestinationPatch'];
export type Recording = Schemas['Recording'];
export type RecordingFolder = Schemas['RecordingFolder'];
export type RecordingList = Schemas['RecordingList'];
export type Settings = Schemas['Settings'];
export type SettingsPatch = Schemas['SettingsPatch'];
export type Problem = Schemas['Problem'];
export type Notice = Schemas['Notice'];
export type EngineEvent = Schemas['Event'];
export type Topic = Schemas['Topic'];
export type Stats = Schemas['Stats'];
export type ErrorBody = Schemas['Error'];
