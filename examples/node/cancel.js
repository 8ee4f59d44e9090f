// Sends a long request, cancels it when its first text arrives, and prints the result: node cancel.js BROKER ADAPTER
import { once } from 'node:events'
import { randomUUID } from 'node:crypto'
import { Consumer, FetchIsolationLevels, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka'

const [broker, adapter] = process.argv.slice(2)

// A group of its own, because the members of one group share the partitions.
const consumer = new Consumer({
  clientId: 'cancel',
  groupId: `cancel-${randomUUID()}`,
  bootstrapBrokers: [broker],
  deserializers: stringDeserializers,
  autocommit: false,
  isolationLevel: FetchIsolationLevels.READ_COMMITTED
})
const records = await consumer.consume({ topics: ['generation-events', 'generation-results'], maxWaitTime: 100 })
await once(records, 'offsets') // the stream starts at the present ends of the partitions

const producer = new Producer({ clientId: 'cancel', bootstrapBrokers: [broker], serializers: stringSerializers })
const write = (topic, value) => producer.send({ messages: [{ topic, key: value.id, value: JSON.stringify(value) }] })
const request = {
  id: randomUUID(),
  model: adapter,
  prompt: 'Restaurant facts:',
  max_tokens: 400,
  ignore_eos: true,
  stream: true
}
await write('generation-requests', request)

const timer = setTimeout(() => records.destroy(new Error('no result within 60 s')), 60_000)
let cancelled = false
for await (const { topic, value } of records) {
  const record = JSON.parse(value)
  if (record.id !== request.id) continue
  if (topic === 'generation-results') {
    if (record.object === 'error') throw new Error(`${record.error.code}: ${record.error.message}`)
    const [choice] = record.choices
    console.log(`${choice.finish_reason} after ${record.usage.completion_tokens} of ${request.max_tokens} tokens`)
    break
  }
  // An id cancels all requests that have it. A producer that knows the record's position can name that as `source`.
  if (!cancelled) await write('generation-cancellations', { id: request.id, reason: 'the user closed the page' })
  cancelled = true
}
clearTimeout(timer)
await consumer.close(true)
await producer.close()
