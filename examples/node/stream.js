// Prints the text of a request while it is generated: node stream.js BROKER ADAPTER
import { once } from 'node:events'
import { randomUUID } from 'node:crypto'
import { Consumer, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka'

const [broker, adapter] = process.argv.slice(2)
const prompt = 'Restaurant facts: name[The Eagle], eatType[coffee shop], food[English], area[riverside]\nDescription:'

// A group of its own, because the members of one group share the partitions.
const consumer = new Consumer({
  clientId: 'stream',
  groupId: `stream-${randomUUID()}`,
  bootstrapBrokers: [broker],
  deserializers: stringDeserializers,
  autocommit: false
})
const events = await consumer.consume({ topics: ['generation-events'], maxWaitTime: 100 })
await once(events, 'offsets') // the stream starts at the present ends of the partitions

const producer = new Producer({ clientId: 'stream', bootstrapBrokers: [broker], serializers: stringSerializers })
const request = { id: randomUUID(), model: adapter, prompt, max_tokens: 48, temperature: 0, stream: true }
await producer.send({ messages: [{ topic: 'generation-requests', key: adapter, value: JSON.stringify(request) }] })

const timer = setTimeout(() => events.destroy(new Error('no last event within 60 s')), 60_000)
let attempt = 0
for await (const { value } of events) {
  const event = JSON.parse(value)
  if (event.id !== request.id || event.attempt < attempt) continue
  // Another worker has taken the request over and generates the text again.
  if (attempt > 0 && event.attempt > attempt) process.stdout.write('\n(begun again) ')
  attempt = event.attempt
  process.stdout.write(event.text)
  if (event.finish_reason) break
}
console.log()
clearTimeout(timer)
await consumer.close(true)
await producer.close()
